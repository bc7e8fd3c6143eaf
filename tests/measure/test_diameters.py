import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from skimage.measure import find_contours

from medscience.geometry import Geometry, as_affine
from medscience.measure.diameters import axial_axis, diameters, slice_tilt
from medscience.testing.phantoms import obliques, orientations
from medscience.testing.strategies import geometries, reorientations, rotation, shapes, volumes

ISOTROPIC = Geometry.own((40, 40, 40))


def ellipsoid(geometry, half_axes, turn):
    """The voxels of an ellipsoid in the middle of a grid, and its matrix in the world."""
    matrix = turn @ np.diag(1 / np.square(half_axes)) @ turn.T
    middle = geometry.world((np.array(geometry.shape) - 1) / 2)
    away = geometry.world(np.moveaxis(np.indices(geometry.shape), 0, -1)) - middle
    return np.einsum("...i,ij,...j->...", away, matrix, away) <= 1, matrix


def section(matrix, geometry):
    """The diameters of the ellipse that the middle axial slice cuts out of an ellipsoid, by algebra."""
    plane = np.delete(geometry.directions, axial_axis(geometry), axis=1)
    return 2 / np.sqrt(np.linalg.eigvalsh(plane.T @ matrix @ plane))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["upright", "oblique"])
def test_a_turned_ellipsoid_has_the_diameters_of_its_middle_section(kind, seed):
    random = np.random.default_rng(seed)
    turn = rotation(random.standard_normal(3), random.uniform(0, np.pi))
    grids = (orientations if kind == "upright" else lambda **k: obliques(9, **k))(
        shape=(41, 61, 51), spacing=(1.0, 0.6, 0.8)
    )
    geometry = grids[seed * 7 % len(grids)]
    lesion, matrix = ellipsoid(geometry, (16.0, 9.0, 6.0), turn)
    found = diameters(lesion, geometry)
    longest, across = section(matrix, geometry)
    coarsest = max(np.delete(geometry.spacing, axial_axis(geometry)))
    assert found.longest_mm == pytest.approx(longest, abs=coarsest)
    assert found.perpendicular_mm == pytest.approx(across, abs=coarsest)


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 7))
def test_the_outline_is_the_one_that_another_library_draws_at_half_height(angle):
    lesion, _ = ellipsoid(ISOTROPIC, (15.0, 8.0, 5.0), rotation(np.array([0.0, 0, 1]), angle))
    flat = lesion.any(axis=0)
    (outline,) = find_contours(flat.astype(float), 0.5)
    assert diameters(flat[None], ISOTROPIC).longest_mm == pytest.approx(pdist(outline).max())


@given(lesion=volumes(shapes(6), "uint8", largest=1), change=reorientations(), data=st.data())
def test_no_flip_or_order_of_axes_changes_them(lesion, change, data):
    lesion[tuple(n // 2 for n in lesion.shape)] = 1
    geometry = data.draw(geometries(st.just(lesion.shape), tilt=0.5))
    there = diameters(lesion > 0, geometry)
    back = diameters(change.apply(lesion > 0), geometry.reoriented(change))
    assert back.longest_mm == pytest.approx(there.longest_mm)
    assert back.perpendicular_mm == pytest.approx(there.perpendicular_mm, abs=1e-4)


@given(lesion=volumes(shapes(5), "uint8", largest=1), data=st.data())
def test_no_two_points_of_a_piece_are_farther_apart_and_the_longest_are_on_the_named_slice(lesion, data):
    """Against all pairs of points half a pixel before and behind each pixel, of slices of one piece."""
    from scipy import ndimage

    lesion[tuple(n // 2 for n in lesion.shape)] = 1
    geometry = data.draw(geometries(st.just(lesion.shape), shear=0.3))
    axis, found = axial_axis(geometry), diameters(lesion > 0, geometry)
    reach = []
    for place in range(lesion.shape[axis]):
        pieces, count = ndimage.label(np.take(lesion, place, axis) > 0, structure=np.ones((3, 3)))
        for piece in range(1, count + 1):
            flat = np.argwhere(pieces == piece)
            ends = np.concatenate([flat + step for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
            world = geometry.world(np.insert(ends, axis, place, axis=1))
            reach.append((np.linalg.norm(world[:, None] - world, axis=-1).max(), place))
    longest = max(reach)[0]
    assert found.longest_mm == pytest.approx(longest)
    assert any(place == found.slice and length > longest - 1e-5 for length, place in reach)
    assert found.perpendicular_mm <= found.longest_mm + 1e-6


def test_a_pixel_is_as_wide_as_it_is_and_a_bar_as_long_as_its_pixels():
    grid = Geometry.own((3, 20, 20), (5.0, 0.5, 0.8))
    lesion = np.zeros(grid.shape, dtype=bool)
    lesion[1, 4, 4] = True
    one = diameters(lesion, grid)
    assert (one.longest_mm, one.perpendicular_mm, one.slice) == (pytest.approx(0.8), pytest.approx(0.5), 1)
    lesion[1, 4, 4:14] = True
    bar = diameters(lesion, grid)
    assert (bar.longest_mm, bar.perpendicular_mm) == (pytest.approx(8.0), pytest.approx(0.5))


def test_across_is_a_chord_not_the_width_of_the_whole():
    """A parallelogram: its shadow across the long diagonal is wider than any chord across it."""
    lesion = np.zeros((1, 44, 104), dtype=bool)
    for row in range(40):
        lesion[0, 2 + row, 2 + 2 * row : 22 + 2 * row] = True
    found = diameters(lesion, Geometry.own(lesion.shape))
    corners = np.array([(0, 0), (0, 20), (40, 100), (40, 80)])
    diagonal = corners[2] - corners[0]
    normal = np.array([-diagonal[1], diagonal[0]]) / np.linalg.norm(diagonal)
    shadow = np.ptp(corners @ normal)
    assert found.longest_mm == pytest.approx(np.linalg.norm(diagonal), abs=3)
    assert found.perpendicular_mm < 0.8 * shadow


def test_two_pieces_on_a_slice_are_not_spanned_though_they_join_on_another():
    lesion = np.zeros((2, 3, 20), dtype=bool)
    lesion[0, 1, :] = True
    lesion[1, 1, [0, 1, 18, 19]] = True
    both = diameters(lesion, Geometry.own(lesion.shape))
    assert (both.slice, both.longest_mm) == (0, pytest.approx(20))
    assert diameters(lesion[1:], Geometry.own((1, 3, 20))).longest_mm == pytest.approx(2)


def test_axial_slices_are_those_of_the_grid_and_how_far_they_lean_is_said():
    for grid in orientations():
        assert grid.orientation[axial_axis(grid)] in "IS"
        assert slice_tilt(grid) == pytest.approx(0, abs=1e-6)
    turned = np.eye(4)
    turned[:3, :3] = rotation(np.array([1.0, 0, 0]), np.radians(17)) @ np.eye(3)[:, ::-1]
    assert slice_tilt(Geometry((3, 3, 3), as_affine(turned))) == pytest.approx(17)
