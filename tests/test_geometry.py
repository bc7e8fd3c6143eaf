import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.affines import apply_affine, rescale_affine, voxel_sizes
from nibabel.orientations import (
    aff2axcodes,
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from numpy.testing import assert_allclose, assert_array_equal

from medscience.arrays import laid_out
from medscience.errors import GeometryError
from medscience.geometry import Geometry, Reorientation, as_affine
from medscience.testing.phantoms import landmark, obliques, orientations
from medscience.testing.strategies import SPACINGS, geometries, reorientations, shapes, volumes

ORIENTATIONS = sorted(grid.orientation for grid in orientations())
NEAR = {"rtol": 0, "atol": 1e-6}
"""A nanometre, in millimetres."""


def as_nibabel(geometry):
    """The affine as nibabel has it: of indices (x, y, z)."""
    return geometry.matrix[:, [2, 1, 0, 3]]


def every_index(shape):
    return np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)


def assert_same_grid(one, other):
    assert one.shape == other.shape
    assert_allclose(one.matrix, other.matrix, **NEAR)


# Against nibabel


@given(geometries(shear=0.1))
def test_voxels_lie_where_nibabel_puts_them(geometry):
    index = every_index(geometry.shape)
    expected = apply_affine(as_nibabel(geometry), index[..., ::-1])
    assert_allclose(geometry.world(index), expected, **NEAR)


@given(geometries(shear=0.1))
def test_spacing_is_nibabels(geometry):
    assert_allclose(geometry.spacing, voxel_sizes(as_nibabel(geometry))[::-1], rtol=1e-12)


@given(geometries(shear=0.05))
def test_orientation_is_nibabels_read_backwards(geometry):
    assert geometry.orientation == "".join(aff2axcodes(as_nibabel(geometry)))[::-1]


@pytest.mark.parametrize("geometry", orientations(), ids=lambda grid: grid.orientation)
def test_each_of_the_48_orientations_is_named_as_nibabel_names_it(geometry):
    assert geometry.orientation == "".join(aff2axcodes(as_nibabel(geometry)))[::-1]


def test_there_are_48_orientations_and_each_has_its_own_name():
    assert len(set(ORIENTATIONS)) == 48


@given(geometries(), st.sampled_from(ORIENTATIONS), st.data())
def test_reorienting_does_to_voxels_and_grid_what_nibabel_does(geometry, wanted, data):
    volume = data.draw(volumes(geometry.shape))
    affine = as_nibabel(geometry)
    change = ornt_transform(io_orientation(affine), axcodes2ornt(tuple(wanted[::-1])))
    ours = geometry.reorientation(wanted)
    assert_array_equal(ours.apply(volume), apply_orientation(volume.T, change).T)
    expected = affine @ inv_ornt_aff(change, volume.T.shape)
    assert_allclose(as_nibabel(geometry.reoriented(ours)), expected, **NEAR)


@given(geometries(shear=0.1), st.tuples(SPACINGS, SPACINGS, SPACINGS))
def test_another_spacing_stretches_the_axes_as_nibabel_does(geometry, spacing):
    grid = geometry.with_spacing(spacing)
    expected = rescale_affine(as_nibabel(geometry), geometry.shape[::-1], spacing[::-1])
    assert_allclose(as_nibabel(grid)[:3, :3], expected[:3, :3], **NEAR)


# Index and world


@given(geometries(shear=0.1), st.tuples(*[st.floats(-100, 100)] * 3))
def test_the_index_of_the_world_position_of_an_index_is_that_index(geometry, index):
    assert_allclose(geometry.index(geometry.world(index)), index, **NEAR)


def test_the_first_index_belongs_to_z_and_the_first_world_number_to_x():
    geometry = Geometry((4, 5, 6), ((0, 0, 2, 10), (0, 3, 0, 20), (5, 0, 0, 30), (0, 0, 0, 1)))
    assert geometry.world((1, 0, 0)).tolist() == [10, 20, 35]
    assert geometry.world((0, 0, 1)).tolist() == [12, 20, 30]
    assert (geometry.orientation, geometry.spacing) == ("SAR", (5, 3, 2))
    assert geometry.origin == (10, 20, 30)


@given(geometries(shear=0.1))
def test_the_volume_of_a_voxel_is_the_determinant_of_the_affine(geometry):
    a, b, c = geometry.matrix[:3, :3].T
    assert geometry.voxel_volume == pytest.approx(abs(np.dot(np.cross(a, b), c)))


@given(geometries())
def test_without_shear_the_volume_of_a_voxel_is_the_product_of_its_sides(geometry):
    assert geometry.voxel_volume == pytest.approx(np.prod(geometry.spacing))
    assert geometry.shear < 1e-9


@given(geometries(shear=0.2))
def test_shear_is_the_largest_cosine_between_two_axes(geometry):
    axes = (geometry.matrix[:3, :3] / np.linalg.norm(geometry.matrix[:3, :3], axis=0)).T
    expected = max(abs(axes[a] @ axes[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert geometry.shear == pytest.approx(expected, abs=1e-12)


# Reorientation


@given(reorientations(), volumes())
def test_a_change_and_its_inverse_leave_an_array_as_it_was(change, volume):
    assert_array_equal(change.inverse.apply(change.apply(volume)), volume)
    assert_array_equal(change.apply(change.inverse.apply(volume)), volume)
    assert change.inverse.inverse == change


@given(geometries(shear=0.1), reorientations())
def test_a_change_and_its_inverse_leave_a_grid_as_it_was(geometry, change):
    assert_same_grid(geometry.reoriented(change).reoriented(change.inverse), geometry)


@given(reorientations(), volumes())
def test_an_array_laid_out_holds_the_same_voxels_in_c_order(change, volume):
    turned = change.apply(np.tile(volume, (3, 2, 1)))  # more rows than are copied at once
    found = laid_out(turned)
    assert found.flags.c_contiguous
    assert_array_equal(found, turned)
    assert laid_out(found) is found


@given(geometries(shear=0.1), reorientations())
def test_every_voxel_stays_in_its_place_when_an_array_is_reoriented(geometry, change):
    number = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    turned, grid = change.apply(number), geometry.reoriented(change)
    assert turned.shape == grid.shape
    before = geometry.world(every_index(geometry.shape)).reshape(-1, 3)
    after = grid.world(every_index(grid.shape)).reshape(-1, 3)
    assert_allclose(after, before[turned.ravel()], **NEAR)


@given(geometries(), st.sampled_from(ORIENTATIONS))
def test_a_reoriented_grid_has_the_orientation_that_was_asked_for(geometry, wanted):
    assert geometry.reoriented(geometry.reorientation(wanted)).orientation == wanted


@given(geometries(shear=0.05))
def test_a_grid_that_has_the_orientation_already_is_not_changed(geometry):
    change = geometry.reorientation(geometry.orientation)
    assert change == Reorientation((0, 1, 2), (False, False, False))


@given(reorientations(), volumes((2, 3, 1, 2)))
def test_only_the_last_three_axes_are_reoriented(change, series):
    turned = change.apply(series)
    assert_array_equal(turned, np.stack([change.apply(volume) for volume in series]))


@pytest.mark.parametrize("geometry", obliques(), ids=lambda grid: grid.orientation)
def test_a_landmark_in_an_oblique_grid_stays_in_its_place_when_reoriented(geometry):
    mark = landmark(geometry)
    change = geometry.reorientation("RAS")
    turned, grid = change.apply(mark.volume), geometry.reoriented(change)
    assert_allclose(grid.world(np.argwhere(turned)).mean(axis=0), mark.world, **NEAR)


@pytest.mark.parametrize("wanted", ["", "SA", "SAA", "SAI", "SARR", "sar", "XYZ", "SA "])
def test_an_orientation_that_does_not_name_each_world_axis_once_is_refused(wanted):
    with pytest.raises(GeometryError, match="GEOMETRY-ORIENTATION"):
        orientations()[0].reorientation(wanted)


# Parts, pads and other spacings


@given(geometries(shear=0.1), st.tuples(shapes(5), shapes(5)))
def test_cropping_undoes_padding(geometry, sizes):
    before, after = sizes
    padded = geometry.pad(before, after)
    assert padded.shape == tuple(np.add(np.add(geometry.shape, before), after))
    assert_same_grid(padded.crop(before, geometry.shape), geometry)


@given(geometries(shear=0.1), st.data())
def test_a_cropped_voxel_stays_in_its_place(geometry, data):
    start = tuple(data.draw(st.integers(0, n - 1)) for n in geometry.shape)
    shape = tuple(n - s for n, s in zip(geometry.shape, start, strict=True))
    part = geometry.crop(start, shape)
    index = every_index(shape)
    assert_allclose(part.world(index), geometry.world(index + start), **NEAR)


@given(geometries(shear=0.1), st.tuples(SPACINGS, SPACINGS, SPACINGS))
def test_another_spacing_fills_the_same_box_to_the_nearest_voxel(geometry, spacing):
    grid = geometry.with_spacing(spacing)
    assert_allclose(grid.spacing, spacing, rtol=1e-9)
    assert_allclose(grid.directions, geometry.directions, atol=1e-9)
    assert_allclose(grid.world(np.full(3, -0.5)), geometry.world(np.full(3, -0.5)), **NEAR)
    # in new voxels: how far apart the last faces and the middles are
    last = np.abs(grid.index(geometry.world(np.array(geometry.shape) - 0.5)) - grid.shape + 0.5)
    one = np.array(grid.shape) == 1  # a thinner box is one voxel all the same
    assert ((last <= 0.5 + 1e-6) | (one & (last < 1))).all()
    middles = [(np.array(g.shape) - 1) / 2 for g in (geometry, grid)]
    shift = np.abs(grid.index(geometry.world(middles[0])) - middles[1])
    assert ((shift <= 0.25 + 1e-6) | (one & (shift < 0.5))).all()


@given(geometries(shear=0.1))
def test_the_same_spacing_is_the_same_grid(geometry):
    assert_same_grid(geometry.with_spacing(geometry.spacing), geometry)


def test_at_half_the_spacing_the_first_centre_moves_by_a_quarter_of_a_voxel():
    grid = Geometry((4, 4, 4), as_affine(np.diag([2.0, 2.0, 2.0, 1.0]))).with_spacing((1, 1, 1))
    assert (grid.shape, grid.origin) == ((8, 8, 8), (-0.5, -0.5, -0.5))


@given(geometries(shear=0.1), shapes(4))
def test_a_coarser_voxel_lies_in_the_middle_of_those_that_it_covers(geometry, factors):
    grid = geometry.coarser(factors)
    first = np.full(3, -0.5)
    assert_allclose(grid.world(first), geometry.world(first), **NEAR)
    covered = geometry.world(every_index(factors)).reshape(-1, 3).mean(axis=0)
    assert_allclose(grid.world((0, 0, 0)), covered, **NEAR)
    assert_allclose(grid.spacing, np.multiply(geometry.spacing, factors), rtol=1e-12)
    reach = np.multiply(grid.shape, factors)
    assert (reach >= geometry.shape).all()
    assert (reach - factors < geometry.shape).all()


# Comparing and refusing


@given(geometries(shear=0.1))
def test_a_grid_is_close_to_itself_and_not_to_one_that_is_moved_or_cut(geometry):
    assert geometry.close_to(geometry)
    matrix = geometry.matrix
    matrix[0, 3] += 0.002
    assert not geometry.close_to(Geometry(geometry.shape, as_affine(matrix)))
    z, y, x = geometry.shape
    assert not geometry.close_to(Geometry((z, y, x + 1), geometry.affine))


def test_a_small_turn_of_a_long_grid_is_noticed_at_its_far_corner():
    matrix = np.eye(4)
    matrix[0, 1] = 1e-5
    straight, turned = (Geometry((300, 300, 300), as_affine(m)) for m in (np.eye(4), matrix))
    assert not straight.close_to(turned)


@pytest.mark.parametrize(
    "shape",
    [(0, 1, 1), (1, -1, 1), (1, 1), (1, 1, 1, 1), ()],
)
def test_sizes_that_are_not_three_positive_ones_are_refused(shape):
    with pytest.raises(GeometryError, match="GEOMETRY-SHAPE"):
        Geometry(shape, as_affine(np.eye(4)))


def changed(row, column, value):
    matrix = np.eye(4)
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(changed(0, 0, 0.0), id="an axis without length"),
        pytest.param(changed(1, 1, np.nan), id="NaN"),
        pytest.param(changed(2, 3, np.inf), id="infinite"),
        pytest.param(np.eye(4)[[0, 0, 2, 3]], id="two axes in one direction"),
        pytest.param(np.eye(4) + np.eye(4, k=1) * [[0, 1e5, 0, 0]], id="two axes almost in one"),
        pytest.param(changed(3, 0, 1.0), id="a last row that projects"),
        pytest.param(changed(3, 3, 2.0), id="a last row that scales"),
        pytest.param(np.eye(3), id="3x3"),
        pytest.param(np.eye(4)[:3], id="3x4"),
    ],
)
def test_an_affine_that_cannot_be_inverted_or_is_none_is_refused(matrix):
    with pytest.raises(GeometryError, match="GEOMETRY-AFFINE"):
        Geometry((2, 2, 2), tuple(map(tuple, matrix.tolist())))


def test_a_geometry_that_came_from_nibabel_and_back_is_the_same():
    geometry = obliques(count=1)[0]
    volume = np.zeros(geometry.shape[::-1], dtype=np.int16)
    image = nibabel.Nifti1Image(volume, as_nibabel(geometry))
    again = Geometry(image.shape[::-1], as_affine(image.affine[:, [2, 1, 0, 3]]))
    assert again == geometry
