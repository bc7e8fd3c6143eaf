"""Solids and random fields in millimetres."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from medscience.simulate.fields import (
    Bumps,
    Place,
    capsule,
    ellipsoid,
    rotation,
    smooth,
    true_distance,
    union,
)


def place_of(side, step=1.0):
    axis = step * (np.arange(side, dtype=np.float32) - (side - 1) / 2)
    return Place(*np.meshgrid(axis, axis, axis, indexing="ij", sparse=True))


def test_a_ball_has_its_volume_and_its_depth_is_the_distance_to_the_surface():
    place = place_of(61)
    depth = ellipsoid(place, (0, 0, 0), (20, 20, 20))
    assert (depth > 0).sum() == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    r = np.sqrt(place.z**2 + place.y**2 + place.x**2)
    assert_allclose(depth, 20 - r, atol=1e-4)


def test_a_rod_is_a_cylinder_with_two_half_balls():
    depth = capsule(place_of(81), (-15, 0, 0), (15, 0, 0), 8.2)
    assert (depth > 0).sum() == pytest.approx(np.pi * 8.2**2 * 30 + 4 / 3 * np.pi * 8.2**3, rel=0.02)


def test_a_solid_off_the_middle_plane_is_there_twice():
    depth = ellipsoid(place_of(61), (0, 0, 15), (8, 8, 8))
    assert_array_equal(depth, depth[:, :, ::-1])
    assert (depth > 0).sum() == pytest.approx(2 * 4 / 3 * np.pi * 8**3, rel=0.02)


@given(st.floats(0.1, 10), st.integers(0, 2**31))
def test_a_rounded_union_holds_both_solids_and_no_more_than_the_crease(blend, seed):
    one, other = np.random.default_rng(seed).normal(0, 5, (2, 50)).astype(np.float32)
    sharp, rounded = union(one, other), union(one, other, blend=blend)
    assert_array_equal(sharp, np.maximum(one, other))
    assert (rounded >= sharp - 1e-4).all()
    assert (rounded <= sharp + blend / 4 + 1e-4).all()


@given(st.lists(st.floats(-40, 40), min_size=3, max_size=3))
def test_a_rotation_keeps_lengths_and_handedness(degrees):
    turn = rotation(np.array(degrees))
    assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_true_distance_undoes_a_slope():
    place = place_of(61)
    steep = 3 * ellipsoid(place, (0, 0, 0), (20, 20, 20))
    found = true_distance(steep, 1.0)
    near = np.abs(found) < 3
    r = np.sqrt(place.z**2 + place.y**2 + place.x**2)
    assert_allclose(found[near], (20 - r)[near], atol=0.1)


@pytest.mark.parametrize("step", [1.0, 2.0])
def test_bumps_are_as_wide_as_asked_and_do_not_depend_on_the_grid(step):
    field = Bumps(np.random.default_rng(0), 24.0, band=True)
    place = place_of(int(120 / step) + 1, step)
    values = field.at(place)
    crossings = (np.diff(np.sign(values), axis=0) != 0).sum() / values[0].size
    assert 120 / crossings == pytest.approx(12, rel=0.35)  # the sign changes twice in each wave
    middle = (values.shape[0] // 2,) * 3
    assert values[middle] == pytest.approx(field.at(Place(*(np.zeros((1, 1, 1), np.float32),) * 3)).item())


def test_smooth_fields_have_about_unit_variance_and_little_difference_between_neighbours():
    values = smooth(np.random.default_rng(3), place_of(100), 25)
    assert values.shape == (100, 100, 100)
    assert 0.5 < values.std() < 1.5
    assert np.abs(np.diff(values, axis=1)).max() < 0.6
