"""Tools that know more than a brush: on phantoms whose right answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from medscience.errors import InputError
from medscience.geometry import Reorientation
from napari_medscience.edit.between import fill_between, shapes_between
from napari_medscience.edit.chunks import LabelChunks
from napari_medscience.edit.grow import grow
from napari_medscience.edit.labels import EditableLabels
from napari_medscience.edit.parts import merge, part_at, remove_islands, split


def ball(shape, middle, radius):
    """The voxels of a ball."""
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    return (z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2 < radius**2


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.floats(0.2, 0.8))
def test_a_part_is_the_connected_component_however_far_it_reaches(seed, density):
    random = np.random.default_rng(seed)
    labels = (ndimage.zoom(random.random((4, 5, 6)), (30, 4, 3), order=0) < density).astype(np.uint8)
    place = tuple(random.integers(0, labels.shape).tolist())
    if labels[place] == 0:
        with pytest.raises(InputError, match="EDIT-BACKGROUND"):
            part_at(labels, place)
        return
    found, _ = ndimage.label(labels)
    part = part_at(labels, place)
    whole = np.zeros(labels.shape, bool)
    whole[part.box] = part.mask
    assert_array_equal(whole, found == found[place])


def test_a_part_reads_only_around_itself():
    stored = np.zeros((400, 300, 300), np.uint8)
    stored[ball(stored.shape, (40, 40, 40), 12)] = 3
    chunks = LabelChunks(stored, (64, 64, 64))
    labels = EditableLabels(chunks, Reorientation((0, 1, 2), (False,) * 3))
    assert merge(labels, (40, 45, 40), 5) == (stored == 3).sum()
    assert len(chunks._clean) + len(chunks._changed) <= 8
    assert (np.asarray(labels)[stored == 3] == 5).all()


def test_islands_are_removed_where_the_cursor_is_and_larger_parts_stay():
    labels = np.zeros((60, 60, 60), np.uint8)
    labels[ball(labels.shape, (30, 30, 30), 10)] = 2
    labels[30, 30, 45] = labels[50:52, 50, 50] = labels[0, 0, 0] = 2
    labels[30, 45, 30] = 3
    before = labels.copy()
    assert remove_islands(labels, (30, 30, 30), 2, smaller=10, reach=(25, 25, 25)) == 3
    assert np.argwhere(before != labels).tolist() == [[30, 30, 45], [50, 50, 50], [51, 50, 50]]


def test_a_part_that_leaves_the_box_is_no_island():
    labels = np.zeros((60, 60, 60), np.uint8)
    labels[30, 30, 35:45] = 2
    assert remove_islands(labels, (30, 30, 30), 2, smaller=8, reach=(10, 10, 10)) == 0
    assert remove_islands(labels, (30, 30, 30), 2, smaller=11, reach=(20, 20, 20)) == 10


@pytest.mark.parametrize("distance", [14, 16, 18])
def test_two_balls_that_touch_are_cut_at_their_neck(distance):
    shape = (30, 30, 60)
    one, other = ball(shape, (15, 15, 15), 10), ball(shape, (15, 15, 15 + distance), 10)
    labels = (one | other).astype(np.uint8)
    split(labels, (15, 15, 15 + distance + 4), 2, (1.0, 1.0, 1.0))
    nearer = ball(shape, (15, 15, 15), 1000) & (np.arange(60) < 15 + distance / 2)
    expected = np.where(labels > 0, np.where(nearer, 1, 2), 0)
    assert (expected != labels).sum() < 0.03 * (labels > 0).sum()


def test_what_has_no_neck_is_not_split():
    labels = ball((30, 30, 30), (15, 15, 15), 10).astype(np.uint8)
    with pytest.raises(InputError, match="EDIT-NO-NECK"):
        split(labels, (15, 15, 15), 2, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slanted_cylinder_is_filled_in_between_its_painted_slices(axis):
    truth = np.zeros((21, 60, 60), bool)
    for z, plane in enumerate(truth):
        y, x = np.ogrid[:60, :60]
        plane[:] = (y - 15 - 1.5 * z) ** 2 + (x - 30) ** 2 < 81
    truth = np.moveaxis(truth, 0, axis)
    labels = np.zeros(truth.shape, np.uint8)
    for index in (0, 10, 20):
        here = tuple(index if n == axis else slice(None) for n in range(3))
        labels[here] = 4 * truth[here]
    kept = (slice(None),) * 3
    labels[(ball(labels.shape, np.array(labels.shape) // 2, 3)) & (labels == 0)] = 7
    sevens = labels == 7
    assert fill_between(labels, (), axis, [20, 0, 10, 10], 4, (1.0, 1.0, 1.0)) == 18
    assert (labels[kept][sevens] == 7).all()
    found = (labels == 4) | sevens & truth
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.97


def test_between_equal_shapes_is_that_shape_and_old_labels_outside_go():
    labels = np.zeros((5, 20, 20), np.uint8)
    labels[0, 5:9, 5:9] = labels[4, 5:9, 5:9] = labels[2] = 3
    fill_between(labels, (), 0, [0, 4], 3, (1.0, 1.0, 1.0))
    assert_array_equal(labels, np.broadcast_to(labels[0], labels.shape))


def test_a_single_painted_slice_fills_nothing():
    labels = np.zeros((5, 20, 20), np.uint8)
    labels[0, 5:9, 5:9] = 3
    assert fill_between(labels, (), 0, [0, 4], 3, (1.0, 1.0, 1.0)) == 0


def test_shapes_between_grow_evenly():
    y, x = np.ogrid[:41, :41]
    radius = [
        np.sqrt(shape.sum() / np.pi)
        for shape in shapes_between(
            (y - 20) ** 2 + (x - 20) ** 2 < 16, (y - 20) ** 2 + (x - 20) ** 2 < 256, 3
        )
    ]
    assert radius == pytest.approx([7, 10, 13], abs=0.4)


def test_a_seed_grows_over_its_organ_and_over_no_other_label():
    random = np.random.default_rng(0)
    organ = ball((40, 50, 60), (20, 25, 30), 12)
    image = np.where(organ, 100, 20) + random.normal(0, 8, organ.shape)
    labels = np.zeros(organ.shape, np.uint8)
    labels[20:, :, :] = np.where(organ[20:], 9, 0)
    grow(labels, image, (14, 25, 30), 3, spread=3.0, reach=(30, 30, 30))
    found, truth = labels == 3, organ.copy()
    truth[20:] = False
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.97
    assert (labels[20:][organ[20:]] == 9).all()


def test_growing_ends_at_its_reach_and_happens_at_one_time():
    labels = np.zeros((2, 30, 30, 30), np.uint8)
    count = grow(labels, np.zeros(labels.shape), (1, 15, 15, 15), 3, spread=3.0, reach=(2, 3, 4))
    assert count == 5 * 7 * 9
    assert not labels[0].any()
