"""The H-DenseUNet, and that what makes it quick changes nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from medscience.models.densenet import PLANES, VOLUMES, DenseNet
from medscience.models.denseunet import DenseUNet
from medscience.models.hdenseunet import PUBLISHED, SMALL, HDenseUNet
from medscience.models.quick import quickened
from medscience.models.subpixel import SubPixel
from medscience.models.zoo import parameters
from tests.models.nets import random_network

SLICES, VOLUME = PUBLISHED["slices"], PUBLISHED["volume"]
COUNTS = {
    "the encoder": (lambda: DenseNet(PLANES, 3, 96, 48, (6, 12, 36, 24)), 26_472_000),
    "slices": (lambda: DenseUNet(PLANES, 3, 3, **SLICES), 44_862_339),
    "slices with skips": (lambda: DenseUNet(PLANES, 3, 3, **SLICES, skips=True), 49_527_843),
    "volumes": (lambda: DenseUNet(VOLUMES, 4, 3, **VOLUME), 15_977_467),
    "the hybrid": (lambda: HDenseUNet(**PUBLISHED), 60_950_590),
}
"""Trained values of the published networks, normalisation as one scale and one shift for each channel."""


@pytest.mark.parametrize("name", COUNTS)
def test_the_published_networks_have_as_many_trained_values(name):
    build, count = COUNTS[name]
    with torch.device("meta"):
        assert parameters(build()) == count


def test_the_fusion_has_as_many_trained_values():
    with torch.device("meta"):
        network = HDenseUNet(**PUBLISHED)
    assert sum(map(parameters, (network.fuse, network.norm, network.head))) == 110_979


def test_the_convolutions_are_those_that_the_names_of_the_branches_count():
    """DenseUNet-167 and DenseUNet-65: both names count the projection of a skip; volumes have none."""
    with torch.device("meta"):
        slices, volume = DenseUNet(PLANES, 3, 3, **SLICES, skips=True), DenseUNet(VOLUMES, 4, 3, **VOLUME)
    counts = [
        sum(isinstance(part, nn.Conv2d | nn.Conv3d) for part in net.modules()) for net in (slices, volume)
    ]
    assert counts == [167, 64]


def test_the_levels_are_those_of_the_published_table():
    with torch.device("meta"):
        levels = DenseNet(VOLUMES, 4, 96, 32, (3, 4, 12, 8))(torch.empty(1, 4, 8, 224, 224))
        features = DenseUNet(VOLUMES, 4, 0, **VOLUME)(torch.empty(1, 4, 8, 224, 224))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (96, 4, 112, 112), (192, 2, 56, 56), (224, 2, 28, 28), (496, 2, 14, 14), (504, 2, 7, 7)
    ]  # fmt: skip
    assert tuple(features.shape) == (1, 64, 8, 224, 224)


@pytest.mark.parametrize("skips", [False, True])
def test_the_small_network_is_small(skips):
    assert parameters(HDenseUNet(**SMALL, skips=skips)) <= 2_000_000


@pytest.mark.parametrize("arguments, rates", [({}, [0.3, 0.3]), ({"dropout": 0.0}, [0.0, 0.0])])
def test_the_last_features_are_dropped_as_published_unless_an_argument_says_otherwise(arguments, rates):
    network = HDenseUNet(**SMALL, **arguments)
    assert [part.p for part in network.modules() if isinstance(part, nn.Dropout) and part.p] == [
        rate for rate in rates if rate
    ]
    assert [network.slices.up[-1].dropout.p, network.dropout.p] == rates
    assert not any(part.p for part in network.volume.modules() if isinstance(part, nn.Dropout))


@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=3),
    st.lists(st.sampled_from([1, 2]), min_size=3, max_size=3),
    st.booleans(),
)
@settings(max_examples=40)
def test_convolutions_before_upsampling_are_those_after_it(sizes, factor, bias):
    factor, kind = factor[: len(sizes)], (nn.Conv2d, nn.Conv3d)[len(sizes) - 2]
    conv = kind(3, 4, 3, padding=1, bias=bias)
    image = torch.randn(2, 3, *sizes)
    upsampled = nn.Upsample(scale_factor=tuple(map(float, factor)), mode="nearest")(image)
    with torch.inference_mode():
        assert_close(SubPixel(conv, factor)(image), conv(upsampled), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("skips", [False, True])
def test_a_folded_network_computes_the_same(skips):
    network, image = random_network(skips=skips), 100 * torch.randn(1, 1, 8, 40, 33)
    quick = quickened(network)
    left = [part for part in quick.modules() if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d)]
    assert len(left) < sum(isinstance(p, nn.BatchNorm2d | nn.BatchNorm3d) for p in network.modules())
    with torch.inference_mode():
        assert_close(quick(image), network(image), rtol=1e-3, atol=1e-3)


def test_volumes_see_the_logits_of_slices_in_the_range_of_the_image():
    """As published: 250 times the raw logits, beside the image."""
    seen = HDenseUNet.beside(torch.full((1, 1, 4, 1, 1), 7.0), torch.ones(1, 3, 4, 1, 1))
    assert seen[0, :, 0, 0, 0].tolist() == [7, 250, 250, 250]


def test_the_outermost_slices_of_a_window_stand_for_their_neighbours():
    network, image = random_network().eval(), 100 * torch.randn(1, 1, 4, 32, 32)
    seen = []
    network.slices.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network(image)
    a, b, c, d = image[0, 0]
    expected = torch.stack([torch.stack(three) for three in ((a, a, b), (a, b, c), (b, c, d), (c, d, d))])
    assert_close(seen[0], expected)


def test_it_learns():
    """Gradients reach every weight, in place or not."""
    network = HDenseUNet(**SMALL)
    network(torch.randn(1, 1, 4, 64, 64)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []
