import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from medscience.errors import ModelError
from medscience.inference.layers import Layers
from medscience.inference.tiling import with_halo
from medscience.models.meshnet import MeshNet
from medscience.models.receptive_field import context


@pytest.fixture(params=[False, True], ids=["dilated", "apart"])
def apart(request, monkeypatch):
    """Whether slices and rows are taken apart, as for a processor that multiplies tiles."""
    pretend_tiles(monkeypatch, tiles=request.param)


def pretend_tiles(patch, *, tiles):
    """Also in float32, where rounding hides nothing."""
    patch.setattr("medscience.inference.layers.has_tiles", lambda precision: tiles)
    patch.setattr("medscience.inference.layers.may_have_tiles", lambda precision: True)


def drawn(shape, seed=0):
    """An image of noise, (1, 1, I, J, K)."""
    return torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(seed))


@given(
    shape=st.tuples(*[st.integers(3, 14)] * 3),
    dilations=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    activation=st.sampled_from(["relu", "elu", "gelu"]),
    norm=st.sampled_from(["none", "instance"]),
    slab=st.sampled_from([1, 300, 5000, 4 << 20]),
    apart=st.booleans(),
)
@settings(deadline=None, max_examples=120)
def test_layer_by_layer_is_the_network_for_any_slab(shape, dilations, activation, norm, slab, apart):
    torch.manual_seed(1)
    network = MeshNet(4, 2, dilations, activation, norm).eval()
    image = drawn(shape)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr("medscience.inference.layers.SLAB", slab)
        pretend_tiles(patch, tiles=apart)
        assert_close(
            Layers(network.features, torch.float32)(image), network.features(image), rtol=1e-4, atol=1e-4
        )


@given(shape=st.tuples(*[st.integers(1, 13)] * 3), slab=st.sampled_from([1, 4 << 20]))
@settings(deadline=None, max_examples=25)
def test_cells_are_layers_too(shape, slab):
    torch.manual_seed(1)
    network = MeshNet(16, 2, (1, 2), "relu", cell=2).eval()
    image = drawn(shape)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr("medscience.inference.layers.SLAB", slab)
        assert_close(Layers(network.features, torch.float32)(image), network.features(image))


@pytest.mark.usefixtures("apart")
def test_the_slab_changes_no_bit():
    """Each slice's sums are the same, whichever slices are computed with it."""
    network = MeshNet(5, 2, (1, 4, 2), "elu").eval()
    image = drawn((40, 24, 24))
    with torch.inference_mode():
        whole = Layers(network.features, torch.bfloat16)(image)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("medscience.inference.layers.SLAB", 1)
            assert torch.equal(Layers(network.features, torch.bfloat16)(image), whole)


@given(
    shape=st.tuples(*[st.integers(3, 30)] * 3),
    place=st.tuples(*[st.tuples(st.floats(0, 1), st.integers(1, 9))] * 3),
    dilations=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    cell=st.sampled_from([1, 2]),
    apart=st.booleans(),
)
@settings(deadline=None, max_examples=120)
def test_of_a_tile_only_what_is_kept_is_right_and_that_to_the_bit(shape, place, dilations, cell, apart):
    """Wherever a box lies, near borders or far from them: what it does not follow from is left out."""
    torch.manual_seed(1)
    network = MeshNet(8 * cell, 2, dilations, "relu", cell=cell).eval()
    box = tuple(_placed(n, *where) for n, where in zip(shape, place, strict=True))
    image = drawn(shape)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        pretend_tiles(patch, tiles=apart)
        layers = Layers(network.features, torch.bfloat16)
        read, keep = with_halo(box, context(network, layers.alignment), shape, layers.alignment)
        found = layers(image[(..., *read)], keep=keep)
        assert torch.equal(found, layers(image)[(..., *box)])


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [3, 5, 20])
def test_tiles_lie_alike_whichever_machine_plans_them(monkeypatch, precision, channels):
    """A worker may be of another kind, and processors take over from a GPU."""
    network = MeshNet(channels, 2, (1, 2), "relu").eval()
    found = {Layers(network.features, precision, "cuda").alignment}
    for tiles in (False, True):
        monkeypatch.setattr("medscience.inference.layers.has_tiles", lambda _, tiles=tiles: tiles)
        found.add(Layers(network.features, precision).alignment)
    assert len(found) == 1


def test_what_normalises_a_volume_sees_all_of_it_whatever_is_kept():
    torch.manual_seed(1)
    network = MeshNet(4, 2, (1, 2, 1), "relu", "instance").eval()
    image, keep = drawn((20, 18, 16)), (slice(4, 9), slice(0, 7), slice(3, 16))
    with torch.inference_mode():
        layers = Layers(network.features, torch.float32)
        assert torch.equal(layers(image, keep=keep), layers(image)[(..., *keep)])


def _placed(side, part, length):
    """So many voxels of a side, or as many as there are, that start somewhere."""
    length = min(length, side)
    start = round(part * (side - length))
    return slice(start, start + length)


@pytest.mark.usefixtures("apart")
def test_half_precision_stays_within_its_rounding():
    torch.manual_seed(1)
    network = MeshNet(8, 2, (1, 2, 4, 1), "relu").eval()
    image = drawn((24, 20, 22))
    with torch.inference_mode():
        exact = network.features(image)
        found = Layers(network.features, torch.bfloat16)(image)
    assert found.dtype == torch.bfloat16
    assert (found - exact).abs().max() < 4 * 2**-8 * exact.abs().max()  # four layers, eight bits


def test_the_network_itself_is_left_as_it_is():
    network = MeshNet(4, 2, (1, 2), "relu").eval()
    image = drawn((9, 8, 7))
    with torch.inference_mode():
        before, same = network.features(image), image.clone()
        Layers(network.features, torch.bfloat16)(image)
        assert torch.equal(network.features(image), before)
    assert torch.equal(image, same)


def test_a_layer_that_it_does_not_know_is_named():
    with pytest.raises(ModelError, match="MaxPool3d"):
        Layers(nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.MaxPool3d(2)), torch.float32)
