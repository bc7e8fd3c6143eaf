import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.report.shrink import coarse_grid, linear, nearest, shrunk, upright
from medscience.store.pyramid import mean
from tests.report.test_figures import ORIENTATIONS, Watched, turned, volume


def ramp(grid):
    """Values that rise linearly with the place in the world."""
    places = grid.world(np.moveaxis(np.indices(grid.shape), 0, -1))
    return (places @ (1.0, 2.0, 3.0) + 7).astype(np.float32)


def ramped(shape, spacing):
    grid = volume(np.zeros(shape), spacing).geometry
    return Image(ramp(grid), Meaning(grid))


@given(
    shape=st.tuples(*[st.integers(1, 90)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3),
    wanted=st.floats(0.5, 4.0),
)
def test_values_stay_where_they_are_in_the_world(shape, spacing, wanted):
    image = ramped(shape, spacing)
    grid = coarse_grid(image, wanted)
    found, expected = shrunk([image], grid, linear), ramp(grid)
    # at the border there is nothing to interpolate with: the outermost voxel is repeated
    inside = tuple(slice(1, -1) if n > 2 else slice(0, 0) for n in grid.shape)
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-2)
    assert found.shape == grid.shape


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_all_48_orientations_give_the_same_upright_volume(orientation):
    values = np.random.default_rng(0).random((9, 11, 14))
    image = volume(values, (1.0, 2.0, 1.5))
    other = turned(image, orientation)
    grid = coarse_grid(image, 2.2)
    assert coarse_grid(other, 2.2).close_to(grid)
    np.testing.assert_allclose(shrunk([other], grid, linear), shrunk([image], grid, linear), rtol=1e-6)


def test_a_grid_as_fine_as_the_volume_copies_it():
    image = volume(np.random.default_rng(0).integers(0, 9, (70, 5, 6)))
    found = shrunk([image], coarse_grid(image, 0.3), nearest)
    np.testing.assert_array_equal(found, upright(image).data[:, :, :])


def test_a_coarse_grid_reads_the_coarse_copy_only_and_a_fine_one_a_slab_at_a_time():
    fine, coarse = Watched(np.zeros((256, 16, 16))), Watched(np.zeros((128, 8, 8)))
    pyramid = [volume(fine), volume(coarse, (2.0, 2.0, 2.0))]
    shrunk(pyramid, coarse_grid(pyramid[0], 2.0), linear)
    assert (fine.largest, coarse.largest > 0) == (0, True)
    shrunk(pyramid, coarse_grid(pyramid[0], 1.5), linear)
    assert fine.largest <= 66 * 16 * 16


def test_a_copy_of_a_copy_shows_the_same_place():
    values = np.zeros((64, 64, 64), dtype=np.float32)
    values[40:48, 8:16, 24:32] = 1
    fine = volume(values)
    grid = fine.geometry.coarser((2, 2, 2))
    coarse = Image(mean(values, (2, 2, 2)), Meaning(grid))
    target = coarse_grid(fine, 2.0)
    centres = [np.argwhere(shrunk(p, target, linear) > 0.5).mean(axis=0) for p in ([fine], [fine, coarse])]
    np.testing.assert_allclose(*centres, atol=0.3)


def test_an_oblique_grid_is_copied_along_its_own_axes():
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    values = np.random.default_rng(0).random((8, 9, 10))
    straight, oblique = volume(values), volume(values, turn=turn)
    found = [shrunk([image], coarse_grid(image, 1.7), linear) for image in (straight, oblique)]
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert Geometry(oblique.shape, as_affine(oblique.geometry.matrix)).close_to(oblique.geometry)
