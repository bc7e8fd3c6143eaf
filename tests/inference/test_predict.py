from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.ndimage import map_coordinates

from medscience.errors import ModelError
from medscience.image import Image, Meaning
from medscience.inference.engine import engine
from medscience.inference.footprint import footprint
from medscience.inference.link import Link
from medscience.inference.plan import Footprint, plan
from medscience.inference.predict import Blocks, predict
from medscience.models.meshnet import MeshNet
from medscience.models.receptive_field import context
from medscience.testing.phantoms import obliques, orientations

SHAPE = (19, 23, 17)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return MeshNet(4, 3, (1, 3, 2), "elu").eval()


@pytest.fixture(scope="module")
def image():
    values = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    grid = orientations(SHAPE, (1.0, 1.0, 1.0))[0]
    return Image(values, Meaning(grid))


def run(image, network, *, block=SHAPE, halo=None, axes=None, focus=None):
    frame = image.turned(image.geometry.reorientation(axes or image.geometry.orientation))
    labels = np.full(image.shape, 99, np.uint8)
    reach = context(network)[0] if halo is None else halo
    link = Link(image.geometry, frame.geometry)
    todo = replace(plan(link, (reach,) * 3, Footprint(0, 0), 1 << 30, block), focus=focus)
    predict(Blocks(frame, image.geometry, engine(network), np.float32, todo), labels.__setitem__)
    return labels


def whole(image, network):
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.asarray(image.data))[None, None])
    return logits.argmax(1)[0].numpy()


@pytest.mark.parametrize("block", [SHAPE, (4, 4, 4), (19, 5, 17), (1, 23, 3), (7, 8, 9)])
def test_a_halo_as_wide_as_the_receptive_field_hides_the_blocks(block, image, network):
    assert_array_equal(run(image, network, block=block), whole(image, network))


@pytest.mark.parametrize("axes", ["SAR", "LIA", "RSA"])
@pytest.mark.parametrize("block", [SHAPE, (4, 4, 4), (5, 7, 17), (1, 23, 3)])
def test_a_network_that_sees_cells_is_tiled_from_whole_cells(block, axes, image):
    """Odd blocks, odd volumes, turned axes: the same labels as of the whole volume."""
    torch.manual_seed(4)
    network = MeshNet(16, 3, (1, 2), "relu", cell=2).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    seen = image.geometry.reorientation(axes)
    turned = Image(np.ascontiguousarray(seen.apply(image.data)), Meaning(image.geometry.reoriented(seen)))
    labels = run(image, network, block=block, axes=axes)
    assert len(np.unique(labels)) == 3
    assert_array_equal(seen.apply(labels), whole(turned, network))


def test_a_narrower_halo_leaves_seams(image, network):
    assert (run(image, network, block=(6, 6, 6), halo=1) != whole(image, network)).any()


@pytest.mark.parametrize("grid", orientations(SHAPE, (1.0, 1.0, 1.0)), ids=lambda g: g.orientation)
def test_the_network_sees_its_own_axes_whatever_the_scans_are(grid, image, network):
    """The same voxels in the same places, stored in any order: the same label for each."""
    upright = Image(image.data, Meaning(grid))
    seen = grid.reorientation("LIA")
    stored = Image(np.ascontiguousarray(seen.apply(image.data)), Meaning(grid.reoriented(seen)))
    for block in (SHAPE, (8, 9, 7)):
        labels = run(upright, network, block=block, axes="LIA")
        assert_array_equal(seen.apply(labels), whole(stored, network))


@pytest.mark.parametrize("block", [SHAPE, (8, 9, 7)])
def test_inside_a_focus_nothing_changes_and_outside_is_background(block, image, network):
    focus = (slice(3, 12), slice(5, 20), slice(2, 9))
    expected = np.zeros(SHAPE, np.uint8)
    expected[focus] = whole(image, network)[focus]
    assert_array_equal(run(image, network, block=block, focus=focus), expected)


@pytest.mark.parametrize("block", [(40, 40, 40), (7, 9, 11)])
def test_an_answer_on_another_grid_is_the_linear_interpolation_of_the_logits(block, image, network):
    """Against scipy's linear interpolation of the whole volume's logits."""
    grid = obliques(1, seed=3, shape=(14, 16, 15), spacing=(0.8, 0.9, 1.1))[0]
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.asarray(image.data))[None, None])[0].numpy()
    at = np.moveaxis(image.geometry.index(grid.world(np.moveaxis(np.indices(grid.shape), 0, -1))), -1, 0)
    sampled = [map_coordinates(logit, at, order=1, mode="nearest") for logit in logits.astype(np.float64)]
    inside = ((at >= -0.5) & (at <= np.array(SHAPE).reshape(3, 1, 1, 1) - 0.5)).all(axis=0)
    expected = np.where(inside, np.argmax(sampled, axis=0), 0)
    labels = np.full(grid.shape, 99, np.uint8)
    link = Link(grid, image.geometry)
    assert not link.coincides
    todo = plan(link, context(network), Footprint(0, 0), 1 << 30, block)
    predict(Blocks(image, grid, engine(network), np.float32, todo), labels.__setitem__)
    assert 0.1 < inside.mean() < 1
    top = np.sort(sampled, axis=0)
    clear = (top[-1] - top[-2] > 1e-4) | ~inside  # near-ties may fall either way
    assert clear.mean() > 0.99
    assert_array_equal(labels[clear], expected[clear])


def test_where_the_frame_ends_the_answer_is_background(image, network):
    larger = image.geometry.pad((4, 0, 3), (0, 5, 2))
    labels = np.full(larger.shape, 99, np.uint8)
    todo = plan(Link(larger, image.geometry), (6,) * 3, Footprint(0, 0), 1 << 30, (9, 9, 9))
    predict(Blocks(image, larger, engine(network), np.float32, todo), labels.__setitem__)
    expected = np.pad(whole(image, network), ((4, 0), (0, 5), (3, 2)))
    assert_array_equal(labels, expected)


def test_classes_are_decided_in_pieces_of_any_size(image, network, monkeypatch):
    for size in (1, 4 * 3 * 23 * 17 * 5):
        monkeypatch.setattr("medscience.inference.decide.LOGITS", size)
        assert_array_equal(run(image, network), whole(image, network))


def test_an_answer_that_is_not_finite_is_refused(image):
    network = MeshNet(2, 2, (1,), "relu").eval()
    torch.nn.init.constant_(network.head.bias, float("nan"))
    with pytest.raises(ModelError, match="MODEL-NOT-FINITE"):
        run(image, network)


def test_the_footprint_is_one_layer_and_the_slab_that_is_computed():
    thin, wide = (footprint(engine(MeshNet(c, 104, (1, 2), "relu"))).per_voxel for c in (5, 20))
    assert 4 * 6 < thin < 4 * 6 + 10
    assert 4 * 21 < wide < 4 * 21 + 10


def test_maps_are_the_probabilities_of_the_network(image, network):
    """Against softmax of the whole volume's logits; the labels stay as they are without maps."""
    with torch.inference_mode():
        p = torch.softmax(network(torch.from_numpy(np.asarray(image.data))[None, None])[0], 0).numpy()
    names = ("confidence", "entropy", "probability-2")
    ready = engine(network, maps=names)
    decided = np.zeros(image.shape, ready.head.decision)
    todo = plan(Link(image.geometry, image.geometry), context(network), footprint(ready), 1 << 30, (8, 9, 7))
    predict(Blocks(image, image.geometry, ready, np.float32, todo), decided.__setitem__)
    assert_array_equal(decided["label"], whole(image, network))
    entropy = -(p * np.log(p)).sum(0) / np.log(3)
    for name, expected in zip(names, (p.max(0), entropy, p[2]), strict=True):
        assert np.abs(decided[name] / 255 - expected).max() < 0.51 / 255


def test_maps_are_zero_where_the_network_did_not_look(image, network):
    larger = image.geometry.pad((4, 0, 3), (0, 5, 2))
    ready = engine(network, maps=("confidence",))
    decided = np.ones(larger.shape, ready.head.decision)
    todo = plan(Link(larger, image.geometry), context(network), Footprint(0, 0), 1 << 30, (9, 9, 9))
    predict(Blocks(image, larger, ready, np.float32, todo), decided.__setitem__)
    inside = decided["confidence"] >= 255 // 3
    assert inside.sum() == np.prod(image.shape)
    assert (decided["confidence"][~inside] == 0).all()
