import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.description import NetworkInput
from medscience.errors import InputError
from medscience.image import Image, Meaning
from medscience.inference.frame import frame_of, grid_of_frame
from medscience.inference.link import Link
from medscience.testing.phantoms import obliques, orientations

EVERYTHING = (slice(None),) * 3
OWN = NetworkInput(modality="T1", axes="LIA", spacing=(1, 1, 1), normalize="minmax")


def image_of(grid, values=None):
    numbers = np.random.default_rng(0).random(grid.shape, np.float32) if values is None else values
    return Image(numbers, Meaning(grid))


@pytest.mark.parametrize("grid", orientations((40, 50, 60), (1.0, 1.01, 0.99)), ids=lambda g: g.orientation)
def test_where_only_axes_differ_nothing_is_interpolated(grid):
    image = image_of(grid)
    frame = frame_of(image, OWN)
    assert frame.notes == ()
    assert Link(grid, frame.image.geometry).coincides
    change = grid.reorientation("LIA")
    assert_array_equal(frame.image.read(EVERYTHING), change.apply(image.data))
    part = (slice(3, 9), slice(0, 7), slice(11, 12))
    assert_array_equal(frame.image.read(part), change.apply(image.data)[part])


@pytest.mark.parametrize(
    "grid", [*orientations((30, 40, 20), (2.0, 1.5, 3.0))[::11], *obliques(2, shape=(40, 50, 50))]
)
def test_another_spacing_is_resampled_in_its_own_field_of_view_and_said(grid):
    frame = frame_of(image_of(grid), OWN)
    assert "resampled" in frame.notes[0]
    assert_allclose(frame.image.geometry.spacing, 1)
    assert frame.image.geometry.orientation == "LIA"
    middles = [g.world((np.array(g.shape) - 1) / 2) for g in (grid, frame.image.geometry)]
    assert_allclose(*middles, atol=1.0)


GRIDS = [*orientations((40, 50, 60), (1.0, 1.5, 0.99))[::11], *obliques(1, shape=(40, 50, 50))]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_frames_grid_is_known_before_a_voxel_is_read(grid):
    assert grid_of_frame(grid, OWN) == frame_of(image_of(grid), OWN).image.geometry


def test_so_is_the_conformed_cubes():
    wanted, grid = OWN.model_copy(update={"grid": "conformed"}), GRIDS[-1]
    assert grid_of_frame(grid, wanted) == frame_of(image_of(grid), wanted).image.geometry


def test_a_part_of_a_resampled_frame_is_the_part_of_the_whole():
    image = image_of(obliques(1, shape=(50, 45, 48))[0])
    frame = frame_of(image, OWN).image
    whole = frame.read(EVERYTHING)
    part = (slice(10, 20), slice(5, 30), slice(7, 8))
    assert_allclose(frame.read(part), whole[part], atol=1e-4)


def test_a_slice_is_refused():
    with pytest.raises(InputError, match="PREDICT-THIN"):
        frame_of(image_of(orientations((1, 200, 200), (1.0, 1.0, 1.0))[0]), OWN)


def test_ct_is_not_taken_for_mri():
    grid = orientations((60, 60, 60), (1.0, 1.0, 1.0))[0]
    volume = np.full(grid.shape, -1000, np.int16)
    volume[15:45, 15:45, 15:45] = 40
    with pytest.raises(InputError, match="PREDICT-MODALITY"):
        frame_of(image_of(grid, volume), OWN)
    frame_of(image_of(grid, volume + 1000), OWN)
