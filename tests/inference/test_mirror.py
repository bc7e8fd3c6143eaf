"""Averaging over mirror images: exact for the whole, whatever the blocks, and alike for either hand."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from medscience.image import Image, Meaning
from medscience.inference.decide import Head
from medscience.inference.engine import engine
from medscience.inference.footprint import footprint
from medscience.inference.link import Link
from medscience.inference.mirror import mirrored, ways
from medscience.inference.plan import Footprint, overlapping, plan
from medscience.inference.predict import Blocks, predict
from medscience.models.meshnet import MeshNet
from medscience.models.receptive_field import context
from medscience.testing.phantoms import orientations

SHAPE = (19, 22, 17)
GRID = orientations(SHAPE, (1.0, 1.0, 1.0))[0]


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def network(cell=1):
    torch.manual_seed(3)
    return MeshNet(8, 3, (1, 3, 2), "elu", cell=cell).eval()


def averaged(values, net, axes):
    """The slow way: every mirror image of the whole volume."""
    with torch.inference_mode():
        image = torch.from_numpy(values)[None, None]
        found = [net(image.flip([a + 2 for a in f])).flip([a + 2 for a in f]) for f in ways(axes)]
    return torch.stack(found).mean(0)[0].numpy()


def run(values, net, axes, todo):
    image = Image(values, Meaning(GRID))
    labels = np.full(SHAPE, 99, np.uint8)
    ready = engine(net, mirrors=ways(axes))
    doubt = predict(Blocks(image, GRID, ready, np.float32, todo), labels.__setitem__)
    return labels, doubt


def exact(net, block):
    return plan(Link(GRID, GRID), context(net), Footprint(0, 0), 1 << 30, block)


@pytest.mark.parametrize("cell", [1, 2])
@pytest.mark.parametrize("axes", [(0,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("block", [SHAPE, (5, 7, 17), (4, 4, 4)])
def test_blocks_are_hidden(values, cell, axes, block):
    net = network(cell)
    logits = averaged(values, net, axes)
    labels, doubt = run(values, net, axes, exact(net, block))
    top = np.sort(logits, axis=0)
    clear = top[-1] - top[-2] > 1e-4  # near-ties may fall either way
    assert clear.mean() > 0.99
    assert_array_equal(labels[clear], logits.argmax(0)[clear])
    assert doubt.mirrors.voxels == labels.size * 2 ** len(axes)
    assert 0 < doubt.mirrors.score < 1
    assert doubt.seams.voxels == 0


def test_either_hand_gets_the_same_answer(values):
    net = network()
    one, _ = run(values, net, (2,), exact(net, SHAPE))
    other, _ = run(np.ascontiguousarray(values[..., ::-1]), net, (2,), exact(net, SHAPE))
    assert (one == other[..., ::-1]).mean() > 0.999


def test_overlapping_tiles_are_mirrored_too(values):
    net = network()
    todo = overlapping(Link(GRID, GRID), Footprint(0, 0), 1 << 30, (12, 12, 12))
    labels, doubt = run(values, net, (0,), todo)
    flipped, _ = run(np.ascontiguousarray(values[::-1]), net, (0,), todo)
    assert (labels == flipped[::-1]).mean() > 0.999
    assert doubt.seams.voxels > 0


def test_maps_are_of_the_average(values):
    net = network()
    ready = engine(net, maps=("probability-1",), mirrors=ways((1,)))
    decided = np.zeros(SHAPE, ready.head.decision)
    image = Image(values, Meaning(GRID))
    predict(Blocks(image, GRID, ready, np.float32, exact(net, (8, 8, 8))), decided.__setitem__)
    logits = torch.from_numpy(averaged(values, net, (1,)))
    assert_allclose(decided["probability-1"] / 255, logits.softmax(0)[1].numpy(), atol=0.003)


def test_a_region_lies_where_its_mirror_image_lies(values):
    region = (slice(2, 9), slice(0, 4), slice(5, 17))
    for flips in ways((0, 1, 2)):
        there = mirrored(region, flips, SHAPE)
        assert_array_equal(np.flip(np.flip(values, flips)[there], flips), values[region])
        assert mirrored(there, flips, SHAPE) == region


def test_what_is_held_beside_is_foreseen():
    net = network()
    one, four = (footprint(engine(net, mirrors=ways(axes))).per_voxel for axes in ((), (0, 1)))
    assert four >= one + 3 * 4 * Head(net.head).channels
