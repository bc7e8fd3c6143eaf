from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.errors import ModelError
from medscience.models.meshnet import DepthToSpace, MeshNet, SpaceToDepth, fold_batch_norm
from medscience.models.plain import as_convolutions, as_tensors, plain_logits
from medscience.models.receptive_field import alignment, context, is_exact, receptive_field
from medscience.models.zoo import parameters
from medscience.networks import MeshNetArguments

SMALL, LARGE = (1, 1, 1, 2, 4, 8, 1), (1, 1, 2, 4, 8, 16, 1)
AE = (1, 2, 4, 8, 16, 8, 4, 2, 1)
STROKE = (1, 2, 4, 8, 16, 16, 8, 4, 2)
MINDGRAB = (16, 8, 4, 2, 1) * 5

PUBLISHED = {
    "original small": (21, 3, SMALL, "relu", "batch", True, 72_516, 37),
    "original small, folded": (21, 3, SMALL, "relu", "none", True, 72_222, 37),
    "original large": (71, 3, LARGE, "relu", "batch", True, 820_266, 67),
    "original large, folded": (71, 3, LARGE, "relu", "none", True, 819_272, 67),
    "stroke 5": (5, 2, STROKE, "relu", "batch", True, 5_682, 123),
    "stroke 16": (16, 2, STROKE, "relu", "batch", True, 56_194, 123),
    "stroke 26": (26, 2, STROKE, "relu", "batch", True, 147_474, 123),
    "model5_gw_ae": (5, 3, AE, "relu", "none", True, 5_598, 93),
    "model11_gw_ae": (11, 3, (1, 2, 4, 8, 4, 2, 2, 1), "relu", "none", True, 23_290, 49),
    "model20chan3cls": (20, 3, AE, "elu", "none", True, 87_183, 93),
    "model18cls": (21, 18, AE, "elu", "none", True, 96_408, 93),
    "model30chan18cls": (30, 18, AE, "elu", "none", True, 196_038, 93),
    "model30chan50cls": (30, 50, AE, "elu", "none", True, 197_030, 93),
    "model21_104class": (21, 104, (1, 2, 2, 4, 4, 8, 8, 16), "relu", "none", True, 86_372, 91),
    "mindgrab": (15, 2, MINDGRAB, "gelu", "instance", False, 146_237, 311),
}
"""Channels, classes, dilations, activation, norm, bias; number of parameters, receptive field."""

FORMS = list(product(("none", "batch", "instance"), ("relu", "elu", "gelu"), (True, False)))


def published(name, channels=None):
    width, classes, dilations, activation, norm, bias, *_ = PUBLISHED[name]
    return MeshNet(channels or width, classes, dilations, activation, norm, bias=bias)


def trained(arguments):
    """A random network in eval mode, its batch normalisation as if it had seen data."""
    torch.manual_seed(0)
    network = MeshNet(**arguments.model_dump())
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm3d):
            torch.nn.init.normal_(layer.running_mean)
            torch.nn.init.uniform_(layer.running_var, 0.01, 4)
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    return network.eval()


def tensors(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def logits(network, image):
    with torch.inference_mode():
        return network(torch.from_numpy(image)[None, None])[0].numpy()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).standard_normal((9, 8, 7)).astype(np.float32)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_of_parameters_is_the_published_one(name):
    assert parameters(published(name)) == PUBLISHED[name][-2]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_receptive_field_is_the_published_one(name):
    assert receptive_field(published(name, channels=2)) == (PUBLISHED[name][-1],) * 3


@pytest.mark.parametrize("name", PUBLISHED)
def test_all_but_instance_normalisation_can_be_tiled_exactly(name):
    assert is_exact(published(name).eval()) == (name != "mindgrab")


@pytest.mark.parametrize("norm, activation, bias", FORMS)
def test_the_network_equals_its_plain_form(norm, activation, bias, image):
    arguments = MeshNetArguments(
        channels=3, classes=4, dilations=(1, 3, 2), activation=activation, norm=norm, bias=bias
    )
    network = trained(arguments)
    expected = plain_logits(as_convolutions(tensors(network), arguments), image)
    assert_allclose(logits(network, image), expected, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
@pytest.mark.parametrize("cell", [2, 3])
def test_a_network_of_cells_equals_its_plain_form(norm, cell, image):
    """The image has sides that are no whole number of cells."""
    arguments = MeshNetArguments(
        channels=cell**3, classes=4, dilations=(1, 2), activation="elu", norm=norm, cell=cell
    )
    network = trained(arguments)
    assert any(n % cell for n in image.shape)
    expected = plain_logits(as_convolutions(tensors(network), arguments), image, cell)
    assert_allclose(logits(network, image), expected, atol=1e-5 * np.ptp(expected))


def test_cells_hold_what_the_voxels_held():
    volume = torch.rand(1, 2, 5, 6, 7)
    back = DepthToSpace(3)(SpaceToDepth(3)(volume))
    assert back.shape == (1, 2, 6, 6, 9)
    assert torch.equal(back[:, :, :5, :6, :7], volume)
    assert back.sum() == pytest.approx(volume.sum())  # the rest is zeros


def test_a_network_of_cells_looks_at_whole_cells():
    network = MeshNet(8, 2, (1, 2, 1), "relu", cell=2).eval()
    assert is_exact(network)
    assert receptive_field(network) == (18,) * 3  # 4 cells to each side, and its own
    assert alignment(network) == 2
    assert context(network) == (10,) * 3


def test_channels_have_to_fill_the_cells():
    with pytest.raises(ValueError, match="multiple of 8"):
        MeshNetArguments(channels=12, classes=2, dilations=(1,), activation="relu", cell=2)


@pytest.mark.parametrize("norm", ["none", "instance"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_survive_the_way_through_the_plain_form(norm, bias):
    arguments = MeshNetArguments(
        channels=3, classes=4, dilations=(1, 3, 2), activation="elu", norm=norm, bias=bias
    )
    before = tensors(trained(arguments))
    after = as_tensors(as_convolutions(before, arguments))
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("activation", ["relu", "elu", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
def test_folded_batch_normalisation_computes_the_same(activation, bias, image):
    arguments = MeshNetArguments(
        channels=3, classes=4, dilations=(1, 3, 2), activation=activation, norm="batch", bias=bias
    )
    network = trained(arguments)
    before = tensors(network)
    folded = fold_batch_norm(network)
    expected = logits(network, image)
    assert_allclose(logits(folded, image), expected, atol=1e-5 * np.ptp(expected))
    assert folded.state_dict().keys() == MeshNet(3, 4, (1, 3, 2), activation).state_dict().keys()
    assert all(np.array_equal(value, before[name]) for name, value in tensors(network).items())


def test_folding_gives_the_published_number_of_parameters():
    assert parameters(fold_batch_norm(published("original small"))) == 72_222
    assert parameters(fold_batch_norm(published("original large"))) == 819_272


def test_instance_normalisation_is_not_folded():
    with pytest.raises(ModelError, match="instance"):
        fold_batch_norm(MeshNet(2, 2, (1,), "gelu", "instance"))


def test_gelu_is_the_exact_one():
    gelu = MeshNet(1, 2, (1,), "gelu").features[1]
    x = torch.tensor([-2.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    exact = x / 2 * (1 + torch.erf(x / 2**0.5))
    assert torch.allclose(gelu(x), exact, atol=1e-12)
    assert (gelu(x) - torch.nn.functional.gelu(x, approximate="tanh")).abs().max() > 1e-5


def test_weights_without_normalisation_keep_their_names():
    names = {"features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"}
    assert MeshNet(3, 2, (1, 2), "elu").state_dict().keys() == names | {"head.weight", "head.bias"}


@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
def test_logits_are_the_head_of_the_features(norm):
    network = MeshNet(3, 2, (1, 2), "elu", norm).eval()
    image = torch.rand(1, 1, 6, 5, 4)
    with torch.inference_mode():
        assert torch.equal(network(image), network.head(network.features(image)))


def changed_by(network, distance):
    """Whether a voxel at a distance changes the logits in the middle of an empty image."""
    image = torch.zeros(1, 1, 21, 9, 9)
    with torch.inference_mode():
        before = network(image)[0, :, 10, 4, 4]
        image[0, 0, 10 + distance, 4, 4] = 5.0
        return not torch.equal(network(image)[0, :, 10, 4, 4], before)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_voxel_outside_the_receptive_field_changes_nothing_and_one_inside_does(norm):
    network = trained(MeshNetArguments(channels=2, classes=2, dilations=(1, 2), activation="elu", norm=norm))
    radius = receptive_field(network)[0] // 2
    assert changed_by(network, radius)
    assert not changed_by(network, radius + 1)


def test_with_instance_normalisation_every_voxel_changes_something():
    network = MeshNet(2, 2, (1, 2), "elu", "instance")
    assert changed_by(network, receptive_field(network)[0] // 2 + 1)


@given(dilations=st.lists(st.integers(1, 40), min_size=1, max_size=3), cell=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=30)
def test_the_receptive_field_is_the_sum_of_the_steps_however_far_apart_taps_lie(dilations, cell):
    """Nothing lies between the taps of (40,), so a short line looks as if the field ended on it."""
    network = MeshNet(8, 2, dilations, "relu", cell=cell)
    assert receptive_field(network) == (cell * (2 * sum(dilations) + 1),) * 3


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.InstanceNorm3d(1),
        torch.nn.BatchNorm3d(1).train(),
        torch.nn.BatchNorm3d(1, track_running_stats=False).eval(),
        torch.nn.MaxPool3d(2),
        torch.nn.Conv3d(1, 1, 3, stride=2, padding=1),
        torch.nn.AdaptiveAvgPool3d(1),
        torch.nn.Upsample(scale_factor=2),
    ],
    ids=lambda layer: f"{type(layer).__name__}-{'train' if layer.training else 'eval'}",
)
def test_what_looks_further_than_a_neighbourhood_is_not_exact(layer):
    assert not is_exact(torch.nn.Sequential(torch.nn.Conv3d(1, 1, 3, padding=1), layer))


@pytest.mark.parametrize("layer", [torch.nn.MaxPool3d(2), torch.nn.Upsample(scale_factor=2)])
def test_a_field_that_has_no_bound_is_refused(layer):
    with pytest.raises(ModelError, match="MODEL-NOT-LOCAL"):
        receptive_field(torch.nn.Sequential(torch.nn.Conv3d(1, 1, 3, padding=1), layer))
