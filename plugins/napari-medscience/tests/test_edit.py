"""Painting on lazy labels is painting on an array, in every orientation, and every step can be undone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.geometry import Geometry, Reorientation, as_affine
from medscience.store.images import open_image
from medscience.testing.phantoms import orientations
from napari_medscience.edit import chunks as chunks_module
from napari_medscience.edit.chunks import LabelChunks
from napari_medscience.edit.labels import EditableLabels
from napari_medscience.edit.layer import CorrectedLabels

SHAPE = (9, 10, 11)
SIDES = (4, 4, 4)
STAY = Reorientation((0, 1, 2), (False, False, False))


def made(turn=STAY, shape=SHAPE, seed=0):
    """Random labels, and the editable array over them."""
    stored = np.random.default_rng(seed).integers(0, 4, shape, dtype=np.uint8)
    return stored, EditableLabels(LabelChunks(stored, (1,) * (len(shape) - 3) + SIDES), turn)


def boxes(shape):
    """Boxes inside of a shape."""
    along = [st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted) for n in shape]
    return st.tuples(*along).map(lambda bounds: tuple(slice(*pair) for pair in bounds))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(orientations(SHAPE)), st.data())
def test_whatever_is_painted_is_what_a_turned_array_would_hold(grid, data):
    turn = grid.reorientation("SAR")
    stored, labels = made(turn)
    untouched = stored.copy()
    mirror = turn.apply(stored).copy()
    for value in range(5, 9):
        box = data.draw(boxes(mirror.shape))
        labels[box] = value
        mirror[box] = value
        points = tuple(
            np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=3, max_size=3))) for n in mirror.shape
        )
        labels[points] = value
        mirror[points] = value
        assert_array_equal(labels[points], mirror[points])
        labels.chunks.history.close()
    assert_array_equal(np.asarray(labels), mirror)
    assert_array_equal(turn.inverse.apply(mirror), labels.chunks[(slice(None),) * 3])
    assert_array_equal(stored, untouched)
    place = tuple(data.draw(st.integers(-n, n - 1)) for n in mirror.shape)
    assert labels[place] == mirror[place]
    assert_array_equal(labels[:, place[1]], mirror[:, place[1]])
    assert_array_equal(labels[..., place[2]], mirror[..., place[2]])
    assert_array_equal(np.asarray(labels[place[0]]), mirror[place[0]])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.just("undo"), st.just("redo"), boxes(SHAPE)), max_size=25))
def test_undo_and_redo_have_no_end(actions):
    _, labels = made()
    states, now = [np.asarray(labels)], 0
    for value, action in enumerate(actions, start=5):
        if action == "undo":
            assert labels.undo() == (now > 0)
            now = max(now - 1, 0)
        elif action == "redo":
            assert labels.redo() == (now + 1 < len(states))
            now = min(now + 1, len(states) - 1)
        else:
            before = np.asarray(labels)
            labels[action] = value
            labels.chunks.history.close()
            after = np.asarray(labels)
            if not np.array_equal(before, after):
                states, now = [*states[: now + 1], after], now + 1
        assert_array_equal(np.asarray(labels), states[now])
        assert labels.chunks.history.steps == (now, len(states) - 1 - now)


def test_only_touched_chunks_are_changed_and_saved():
    _, labels = made()
    labels[0:4, 0:4, 0:4] = np.asarray(labels[0:4, 0:4, 0:4])
    assert not labels.chunks.changed
    labels[3:5, 0, 0] = 9
    assert labels.chunks.changed == {(0, 0, 0), (1, 0, 0)}
    taken = labels.chunks.take_unsaved()
    assert set(taken) == {(0, 0, 0), (1, 0, 0)}
    assert taken[(1, 0, 0)][0, 0, 0] == 9
    assert not labels.chunks.take_unsaved()
    labels.chunks.give_back(taken)
    assert labels.chunks.unsaved == 2
    again = EditableLabels(LabelChunks(made()[0], SIDES, changed=taken), STAY)
    assert_array_equal(np.asarray(again), np.asarray(labels))


def test_what_was_read_is_forgotten_and_what_was_changed_is_not(monkeypatch):
    monkeypatch.setattr(chunks_module, "HELD", 100)
    _, labels = made()
    labels[0, 0, 0] = 9
    np.asarray(labels)
    assert sum(values.nbytes for values in labels.chunks._clean.values()) <= 100
    assert labels[0, 0, 0] == 9


def test_four_dimensions_are_changed_one_time_at_a_time():
    stored, labels = made(Reorientation((1, 0, 2), (True, False, False)), shape=(3, *SHAPE))
    assert labels.shape == (3, 10, 9, 11)
    labels[1, 0, 2:4] = 9
    expected = stored.copy()
    expected[1, 2:4, -1] = 9
    assert_array_equal(labels.chunks[(slice(None),) * 4], expected)
    assert {chunk[0] for chunk in labels.chunks.changed} == {1}


@pytest.mark.parametrize("key", [(0, 0, 0, 0), (99, 0, 0), slice(None, None, -1), (np.array([99]), 0, 0)])
def test_what_is_no_place_is_refused(key):
    with pytest.raises(IndexError):
        made()[1][key]


@pytest.mark.parametrize("grid", orientations((12, 13, 14)), ids=lambda grid: grid.orientation)
def test_a_stroke_lies_where_it_was_painted_in_the_image_s_own_axes(tmp_path, viewer, write_store, grid):
    """A landmark: napari's brush at a place in millimetres changes the stored voxel of that place."""
    path = write_store(tmp_path / "x.ome.zarr", np.zeros(grid.shape, np.uint8), grid.affine, is_labels=True)
    (shown,) = viewer.open(path, plugin="napari-medscience")
    stored = open_image(path).image
    labels = EditableLabels(LabelChunks(stored.data), grid.reorientation("SAR"))
    layer = viewer.add_layer(CorrectedLabels(labels, scale=shown.scale, translate=shown.translate))
    world = grid.world((2, 5, 9))
    layer.brush_size = 1
    viewer.dims.set_point(0, world[2])
    layer.paint(layer.world_to_data(world[::-1]), 7)
    assert np.argwhere(labels.chunks[(slice(None),) * 3] == 7).tolist() == [[2, 5, 9]]
    assert layer.get_value(world[::-1], world=True) == 7
    assert layer._slice.image.raw.max() == 7
    layer.undo()
    assert not np.asarray(labels).any()
    assert layer._slice.image.raw.max() == 0


def test_every_tool_of_napari_works_and_is_undone(viewer):
    labels = EditableLabels(LabelChunks(np.zeros((20, 30, 40), np.uint8), (8, 8, 8)), STAY)
    layer = viewer.add_layer(CorrectedLabels(labels))
    assert layer.editable
    viewer.dims.set_point(0, 5)
    reference = viewer.add_labels(np.zeros((20, 30, 40), np.uint8))
    states = [np.asarray(labels)]

    def both(name, *args):
        for one in (layer, reference):
            getattr(one, name)(*args)
        assert_array_equal(np.asarray(layer.data), reference.data)
        states.append(np.asarray(layer.data))

    both("paint", (5, 10, 10), 3)
    both("paint_polygon", [(5, 12, 12), (5, 12, 30), (5, 25, 20)], 2)
    both("fill", (5, 0, 0), 4)
    both("paint", (5, 10, 10), 0)
    for one in (layer, reference):
        one.n_edit_dimensions = 3
    both("paint", (6, 15, 20), 1)
    both("fill", (6, 15, 20), 5)
    both("data_setitem", (np.array([1, 19]), np.array([2, 29]), np.array([3, 39])), 6)
    assert len(states) == 8
    for state in states[-2::-1]:
        layer.undo()
        assert_array_equal(np.asarray(layer.data), state)
    for state in states[1:]:
        layer.redo()
        assert_array_equal(np.asarray(layer.data), state)
    assert layer._type_string == "labels"
    assert layer.as_layer_data_tuple()[2] == "labels"


def test_a_hundred_and_fifty_strokes_are_undone(viewer):
    labels = EditableLabels(LabelChunks(np.zeros((4, 200, 20), np.uint8), (4, 8, 8)), STAY)
    layer = viewer.add_layer(CorrectedLabels(labels))
    for row in range(150):
        layer.paint((0, row, 10), 1 + row % 9)
    for _ in range(150):
        layer.undo()
    assert not np.asarray(layer.data).any()


def test_an_image_of_our_store_is_read_only_where_it_is_looked_at(tmp_path, viewer, write_store, monkeypatch):
    geometry = Geometry((130, 140, 150), as_affine(np.eye(4)[[2, 1, 0, 3]]))
    path = write_store(
        tmp_path / "x.ome.zarr", np.zeros(geometry.shape, np.uint8), geometry.affine, is_labels=True
    )
    chunks = LabelChunks(open_image(path).image.data)
    read = []
    hold = LabelChunks._hold
    monkeypatch.setattr(LabelChunks, "_hold", lambda self, which: (read.extend(which), hold(self, which))[1])
    layer = viewer.add_layer(CorrectedLabels(EditableLabels(chunks, STAY)))
    viewer.dims.set_point(0, 70)
    assert chunks.sides == (64, 64, 64)
    assert {chunk[0] for chunk in read} <= {0, 1}  # napari opens in the middle
    read.clear()
    layer.paint((70, 3, 3), 1)
    assert set(read) == {(1, 0, 0)}
