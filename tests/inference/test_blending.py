from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.errors import MemoryPromiseError
from medscience.geometry import Reorientation
from medscience.image import Image, Meaning
from medscience.inference.blending import EVERY, blended, is_sampled, tiles
from medscience.inference.doubt import Doubt
from medscience.inference.engine import engine
from medscience.inference.link import Link
from medscience.inference.plan import Footprint, overlapping
from medscience.inference.predict import Blocks, predict
from medscience.models.meshnet import MeshNet
from medscience.testing.phantoms import obliques, orientations

SHAPE = (24, 20, 22)
SHAPES = st.tuples(*[st.integers(1, 20)] * 3)


@pytest.fixture(scope="module")
def image():
    random = np.random.default_rng(0)
    values = random.standard_normal(SHAPE).astype(np.float32)
    values[12:] += 2  # two halves that an instance norm of a tile sees differently
    return Image(values, Meaning(orientations(SHAPE, (1.0, 1.0, 1.0))[0]))


def network(norm):
    torch.manual_seed(2)
    return MeshNet(4, 3, (1, 2), "relu", norm).eval()


def run(image, net, side, block=None, answer=None):
    link = Link(answer or image.geometry, image.geometry)
    todo = overlapping(link, Footprint(0, 0, channels=4), 1 << 30, side)
    if block:
        from dataclasses import replace

        todo = replace(todo, block=block)
    labels = np.full(link.image.shape, 99, np.uint8)
    doubt = predict(Blocks(image, link.image, engine(net), np.float32, todo), labels.__setitem__)
    return labels, doubt


def whole(image, net):
    with torch.inference_mode():
        return net(torch.from_numpy(np.asarray(image.data))[None, None]).argmax(1)[0].numpy()


@given(shape=SHAPES, side=SHAPES, shifted=st.booleans())
def test_tiles_cover_everything_and_are_of_one_size(shape, side, shifted):
    seen = np.zeros(shape, int)
    found = list(tiles(shape, side, shifted=shifted))
    for tile in found:
        seen[tile] += 1
        assert [t.stop - t.start for t in tile] == [min(n, s) for n, s in zip(shape, side, strict=True)]
    assert seen.min() >= 1
    assert len(found) == len({str(tile) for tile in found})


def test_one_tile_is_the_whole_answer_without_seams(image):
    net = network("instance")
    labels, doubt = run(image, net, SHAPE)
    assert_array_equal(labels, whole(image, net))
    assert doubt.seams.score == doubt.grids.score == 0


def test_a_block_is_a_pure_function_whatever_the_others_are(image):
    net = network("instance")
    one, _ = run(image, net, (12, 12, 12), block=SHAPE)
    for block in ((12, 20, 22), (7, 9, 8)):
        assert_array_equal(run(image, net, (12, 12, 12), block=block)[0], one)


def test_the_score_tells_a_network_with_seams_from_one_that_barely_has_any(image):
    _, with_seams = run(image, network("instance"), (12, 12, 12))
    assert with_seams.seams.score > 0.02
    assert (run(image, network("instance"), (12, 12, 12))[0] != whole(image, network("instance"))).any()


def test_another_grid_of_tiles_answers_otherwise_only_if_tiles_matter(image):
    """Without instance norm inner tiles differ at their borders alone, which have almost no weight."""
    side = (12, 12, 12)
    _, normed = run(image, network("instance"), side, block=SHAPE)
    _, local = run(image, network("none"), side, block=SHAPE)
    assert normed.grids.voxels == local.grids.voxels == np.prod(SHAPE)
    assert normed.grids.score > 2 * local.grids.score


@given(shape=st.tuples(*[st.integers(30, 200)] * 3), side=st.tuples(*[st.integers(10, 40)] * 3))
def test_one_of_eight_blocks_is_compared_and_the_middle_one_is_among_them(shape, side):
    corners = list(product(*(range(0, n, s) for n, s in zip(shape, side, strict=True))))
    boxes = [tuple(slice(c, c + 1) for c in corner) for corner in corners]
    sampled = [corner for corner, box in zip(corners, boxes, strict=True) if is_sampled(box, shape, side)]
    assert tuple(n // 2 // s * s for n, s in zip(shape, side, strict=True)) in sampled
    assert abs(len(sampled) - len(corners) / EVERY) < 1


def test_averaging_features_is_averaging_logits(image):
    net = network("instance")

    def see(region):
        return torch.from_numpy(np.asarray(image.data)[region].copy())[None, None]

    box = (slice(3, 20), slice(2, 17), slice(5, 21))
    with torch.inference_mode():
        features = blended(engine(net), see, SHAPE, (12, 12, 12), box, Doubt())
        found = net.head(features)[0].numpy()
        total, weight = np.zeros((3, *SHAPE)), np.zeros(SHAPE)
        line = np.exp(-0.5 * ((np.arange(12) - 5.5) / 1.5) ** 2)
        share = np.maximum(line[:, None, None] * line[:, None] * line, 1e-4)
        for tile in tiles(SHAPE, (12, 12, 12)):
            total[(slice(None), *tile)] += net(see(tile))[0].numpy() * share
            weight[tile] += share
    expected = (total / weight)[(slice(None), *box)]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


def test_an_answer_on_another_grid_can_be_blended_too(image):
    grid = obliques(1, shape=(16, 15, 14), spacing=(1.0, 1.0, 1.0))[0]
    middle = image.geometry.world((np.array(SHAPE) - 1) / 2) - grid.world((7.5, 7, 6.5))
    matrix = grid.matrix
    matrix[:3, 3] += middle
    from medscience.geometry import Geometry, as_affine

    labels, _ = run(image, network("instance"), (12, 12, 12), answer=Geometry(grid.shape, as_affine(matrix)))
    assert set(np.unique(labels)) <= {0, 1, 2}
    assert len(np.unique(labels)) > 1


def test_what_does_not_fit_is_refused_with_the_number(image):
    link = Link(image.geometry, image.geometry)
    with pytest.raises(MemoryPromiseError, match="M or more"):
        overlapping(link, Footprint(1 << 30, 100), 1 << 20)


def test_a_chosen_tile_is_turned_with_the_axes(image):
    """Sides are given along the image's axes; the network's may run otherwise."""
    change = Reorientation((2, 0, 1), (False, True, False))
    link = Link(image.geometry, image.geometry.reoriented(change))
    todo = overlapping(link, Footprint(0, 0, channels=4), 1 << 30, (6, 8, 10))
    assert (todo.block, todo.blend) == ((6, 8, 10), (10, 6, 8))
