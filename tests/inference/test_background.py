"""Background that is copied is what would have been computed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from medscience.inference import layers as module
from medscience.inference.background import Backdrop, Scene, pays, small_sides
from medscience.inference.layers import Layers
from medscience.inference.tiling import with_halo
from medscience.models.meshnet import MeshNet
from medscience.models.receptive_field import context

BACKGROUND = -0.4
"""Not zero, as what is padded is: a normalised scan's air seldom is."""
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""A sum's order may follow the sides of what is convolved."""


def blob(shape, box, seed=0):
    """An image (1, 1, I, J, K) of background, with noise in a box."""
    image = torch.full((1, 1, *shape), BACKGROUND)
    noise = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    image[(..., *box)] = noise[(..., *box)]
    return image


def spans(side):
    """Where something lies along a side, at its ends too."""
    return st.tuples(st.integers(0, side - 1), st.integers(0, side // 2)).map(
        lambda s: slice(s[0], s[0] + s[1])
    )


def networks(cell, dilations, activation="elu"):
    """A network with drawn weights."""
    torch.manual_seed(1)
    return MeshNet(8 * cell, 2, dilations, activation, cell=cell).eval()


@pytest.fixture(autouse=True)
def every_scene_is_gone_through(monkeypatch):
    """Also where nothing is won; what is computed has whatever sides it has."""
    monkeypatch.setattr("medscience.inference.background.WORTH", 1.0)
    monkeypatch.setattr("medscience.inference.background.SMALL", 1.0)
    monkeypatch.setattr("medscience.inference.background.ROUND", 1)


@given(
    data=st.data(),
    shape=st.tuples(*[st.integers(8, 30)] * 3),
    dilations=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    cell=st.sampled_from([1, 2]),
    slab=st.sampled_from([1, 5000, 4 << 20]),
    apart=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_what_is_copied_is_what_would_have_been_computed(data, shape, dilations, cell, slab, apart):
    """Wherever the background lies, near borders or far from them, whatever part of the tile is kept."""
    network = networks(cell, dilations)
    image = blob(shape, [data.draw(spans(side)) for side in shape])
    box = tuple(slice(at, at + 3) for at in (data.draw(st.integers(0, side - 3)) for side in shape))
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr("medscience.inference.layers.SLAB", slab)
        patch.setattr("medscience.inference.layers.has_tiles", lambda precision: apart)
        patch.setattr("medscience.inference.layers.may_have_tiles", lambda precision: True)
        computed, copied = (Layers(network.features, torch.float32, skips=skips) for skips in (False, True))
        whole = computed(image)
        assert_close(copied(image), whole, **ROUNDING)
        align = copied.alignment
        read, keep = with_halo(box, context(network, align), shape, align)
        assert_close(copied(image[(..., *read)], keep=keep), whole[(..., *box)], **ROUNDING)


def test_little_is_computed_where_little_is_to_be_seen(monkeypatch):
    convolved = []

    def counting(layer, held, box, everything):
        convolved.append([part.stop - part.start for part in box])
        return real(layer, held, box, everything)

    real = module._convolved
    monkeypatch.setattr(module, "_convolved", counting)
    image = blob((64, 64, 64), [slice(30, 34)] * 3)
    with torch.inference_mode():
        Layers(networks(1, (1, 2, 1)).features, torch.float32, skips=True)(image)
    assert sum(side[1] * side[2] for side in convolved) < 64 * 64 * len(convolved) / 4


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_but_background_needs_only_the_backdrop(value):
    network = networks(1, (1, 2, 1))
    image = torch.full((1, 1, 40, 30, 20), value)
    with torch.inference_mode():
        whole = Layers(network.features, torch.float32)(image)
        assert_close(Layers(network.features, torch.float32, skips=True)(image), whole, **ROUNDING)


def test_what_is_not_a_number_is_no_background():
    image = blob((24, 24, 24), [slice(10, 12)] * 3)
    image[..., 3, 3, 3] = float("nan")
    with torch.inference_mode():
        found = Layers(networks(1, (1,)).features, torch.float32, skips=True)(image)
    assert bool(found[..., 3, 3, 3].isnan().all())


def test_a_network_that_normalises_computes_everything():
    """Its answer depends on everything, so nothing of it is known."""
    network = MeshNet(4, 2, (1, 1), "relu", "instance").eval()
    image = blob((24, 20, 16), [slice(4, 9)] * 3)
    with torch.inference_mode():
        whole = Layers(network.features, torch.float32)(image)
        assert torch.equal(Layers(network.features, torch.float32, skips=True)(image), whole)


def test_of_a_head_in_air_no_bit_differs():
    """In bfloat16, and at sizes for which a library has no convolutions of its own."""
    image = blob((96, 80, 88), [slice(30, 60), slice(20, 50), slice(33, 61)])
    layers = networks(1, (1, 2, 4, 2, 1)).features
    with torch.inference_mode():
        whole = Layers(layers, torch.bfloat16)(image)
        assert torch.equal(Layers(layers, torch.bfloat16, skips=True)(image), whole)


@given(sides=st.tuples(*[st.integers(1, 20)] * 3), reach=st.integers(0, 9), period=st.sampled_from([1, 2, 4]))
def test_a_backdrop_has_every_distance_from_a_border_in_it(sides, reach, period):
    small = small_sides(sides, reach, period)
    nearest = torch.stack(torch.meshgrid(*map(_distances, small, [reach] * 3), indexing="ij"))[None].float()
    wanted = torch.stack(torch.meshgrid(*map(_distances, sides, [reach] * 3), indexing="ij"))[None].float()
    assert torch.equal(Backdrop(nearest, reach, sides, period).at(*map(range, sides)), wanted)
    turns = torch.stack(torch.meshgrid(*(torch.arange(n) % period for n in small), indexing="ij"))[None]
    expected = torch.stack(torch.meshgrid(*(torch.arange(n) % period for n in sides), indexing="ij"))[None]
    assert torch.equal(Backdrop(turns, reach, sides, period).at(*map(range, sides)), expected)


def _distances(side, reach):
    """How far each place is from both ends, up to a reach, as one number."""
    at = torch.arange(side)
    return at.clamp(max=reach) * 100 + (side - 1 - at).clamp(max=reach)


@pytest.mark.parametrize("sides", [(20, 20, 20), (60, 9, 9)])
def test_small_tiles_and_full_ones_are_computed(monkeypatch, sides):
    monkeypatch.setattr("medscience.inference.background.SMALL", 0.25)
    monkeypatch.setattr("medscience.inference.background.WORTH", 0.85)
    assert not pays(sides, 12)
    assert Scene.of(torch.zeros(1, 1, *sides), 12) is None
    assert Scene.of(torch.rand(1, 1, 60, 60, 60), 2) is None
    assert Scene.of(torch.zeros(1, 1, 60, 60, 60), 2)
