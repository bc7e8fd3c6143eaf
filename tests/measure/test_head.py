import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.measure.head import asymmetry, border_shares, coordinates
from medscience.testing.phantoms import obliques, orientations

UPRIGHT = Geometry((7, 9, 11), as_affine(np.eye(4)[:, [2, 1, 0, 3]]))
GRIDS = [*orientations((16, 18, 20), (2.0, 2.5, 1.5)), *obliques(6, shape=(24, 24, 24), spacing=(2, 2, 2))]


@pytest.mark.parametrize("grid", [*orientations()[::7], *obliques(3)], ids=lambda grid: grid.orientation)
@pytest.mark.parametrize("axis", range(3))
def test_coordinates_are_those_of_the_geometry(grid, axis):
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    assert_allclose(coordinates(grid, axis), grid.world(index)[..., axis], atol=1e-9)


def ball(grid, centre, radius):
    """The voxels of a ball, and their distance to the right of its centre."""
    away = [coordinates(grid, axis) - at for axis, at in enumerate(centre)]
    return np.sqrt(sum(part**2 for part in away)) < radius, away[0]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.orientation)
def test_a_ball_is_even_and_half_a_ball_is_not_on_any_grid(grid):
    head, right = ball(grid, (12.0, -7.0, 31.0), 14.0)
    assert asymmetry(head, head, grid) == pytest.approx(0, abs=0.01)
    assert asymmetry(head & (right > 0), head, grid) == pytest.approx(1, abs=0.1)
    assert asymmetry(head & (right < 0), head, grid) == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize("part", [0.05, 0.1, 0.2, 0.5])
def test_asymmetry_is_the_missing_part_by_what_is_left(part):
    head = np.ones((10, 10, 20), dtype=bool)
    grid = Geometry(head.shape, UPRIGHT.affine)
    brain = head.copy()
    brain[: round(20 * part), :, :10] = False
    missing = 1 - brain.mean()
    assert asymmetry(brain, head, grid) == pytest.approx(missing / brain.mean())


def test_a_voxel_on_the_plane_counts_for_both_sides():
    row = np.ones((1, 1, 5), dtype=bool)
    assert asymmetry(row, row, Geometry(row.shape, UPRIGHT.affine)) == 0


@pytest.mark.parametrize("grid", orientations((4, 5, 6), (1.0, 1.0, 1.0)), ids=lambda grid: grid.orientation)
def test_each_face_but_the_lower_is_seen_and_named_in_any_orientation(grid):
    upright = grid.reorientation("SAR")
    faces = {"top": (0, -1), "front": (1, -1), "back": (1, 0), "right": (2, -1), "left": (2, 0)}
    for name, (axis, end) in faces.items():
        values = np.zeros(grid.shape, dtype=np.uint8)
        face = [slice(1, -1)] * 3
        face[axis] = end
        upright.apply(values)[tuple(face)] = 9
        shares = border_shares(Image(values, Meaning(grid)), 5, -1000.0)
        assert {side for side, share in shares.items() if share} == {name}
        layer = np.delete(upright.apply(values).shape, axis)
        assert shares[name] == pytest.approx(np.prod(layer - 2) / np.prod(layer))


def test_what_is_below_the_brain_does_not_count():
    image = Image(np.full(UPRIGHT.shape, 9), Meaning(UPRIGHT))
    shares = border_shares(image, 5, lowest_mm=2.0)
    assert shares == pytest.approx({"top": 1, "front": 5 / 7, "back": 5 / 7, "left": 5 / 7, "right": 5 / 7})
    assert set(border_shares(image, 9, lowest_mm=2.0).values()) == {0.0}
