"""Paths of something that moves by known ways."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.geometry import Geometry, as_affine
from medscience.measure.trajectory import amplitude, displacement, kept
from medscience.simulate.thorax.canvas import upright

GRIDS = (
    upright((24, 22, 26), 4.0),
    Geometry((24, 22, 26), as_affine([[0, 0, -3, 40], [0, 4, 0, -44], [5, 0, 0, -60], [0, 0, 0, 1]])),
)


def ball(grid, centre, radius=11.0):
    """A soft ball in lung."""
    away = np.linalg.norm(grid.world(np.moveaxis(np.indices(grid.shape), 0, -1)) - centre, axis=-1)
    return -800 + 840 * np.clip(0.5 + (radius - away) / 4, 0, 1)


@settings(max_examples=12)
@example(GRIDS[0], (0.0, 11.0, 0.75))
@given(st.sampled_from(GRIDS), st.tuples(*[st.floats(-11, 11)] * 3))
def test_a_shift_in_millimetres_is_found_between_voxels(grid, shift):
    centre = grid.world((12, 11, 13))
    template = ball(grid, centre)
    found = displacement(ball(grid, centre + shift), template, template > -400, grid)
    assert_allclose(found, shift, atol=0.25)


def test_brightness_and_contrast_do_not_matter():
    grid = GRIDS[0]
    centre = grid.world((12, 11, 13))
    template = ball(grid, centre)
    image = 0.3 * ball(grid, np.add(centre, (3.0, -2.0, 6.0))) - 500
    assert_allclose(displacement(image, template, template > -400, grid), (3, -2, 6), atol=0.25)


def test_a_blurred_path_has_lost_what_it_has_lost():
    path = np.array([[1.0, 2, 3], [1, 3, 9], [2, 2, 14], [1, 2, 6]])
    assert kept(path, path) == pytest.approx(1)
    assert kept(np.tile(path.mean(axis=0), (4, 1)), path) == pytest.approx(0)
    assert amplitude(path) == pytest.approx(np.linalg.norm([1, 0, 11]))


def test_there_must_be_something_to_look_for():
    grid = GRIDS[0]
    with pytest.raises(ValueError, match="nothing"):
        displacement(ball(grid, (0, 0, 0)), ball(grid, (0, 0, 0)), np.zeros(grid.shape, bool), grid)
