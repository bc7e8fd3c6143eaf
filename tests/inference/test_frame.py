import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.description import HounsfieldWindow, NetworkInput
from medscience.errors import InputError
from medscience.image import Image, Meaning
from medscience.inference.frame import frame_of, grid_of_frame
from medscience.inference.link import Link
from medscience.testing.phantoms import obliques, orientations

EVERYTHING = (slice(None),) * 3
CT = NetworkInput(
    modality="CT", axes="SPL", spacing="own", normalize=HounsfieldWindow(low=-200, high=250, offset=48)
)
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


def body(shape=(40, 48, 44)):
    """Hounsfield units: a body of soft tissue with a spine, on a table, in air."""
    _, y, x = np.indices(shape)
    inside = ((y - 24) / 20) ** 2 + ((x - 22) / 20) ** 2 < 1
    values = np.where(inside, np.random.default_rng(0).normal(50, 20, shape), -1000)
    values[((y - 38) / 4) ** 2 + ((x - 22) / 4) ** 2 < 1] = 600
    values[:, 46:] = -300
    return values.astype(np.int16)


def ct(values, unit=None):
    grid = orientations(values.shape, (1.3, 0.9, 0.9))[0]
    return Image(values, Meaning(grid, value_unit=unit))


@pytest.mark.parametrize("unit", [None, "HU"])
def test_a_ct_is_seen_at_its_own_spacing(unit):
    frame = frame_of(ct(body(), unit), CT)
    assert frame.notes == ()
    assert_allclose(sorted(frame.image.geometry.spacing), (0.9, 0.9, 1.3))
    assert frame.image.geometry.orientation == "SPL"


def metal(values):
    values[18:22, 10:30, 10:30] = 30_000
    return values


def padded(values):
    values[:, :10, :10] = -3024
    return values


@pytest.mark.parametrize("change", [metal, padded])
def test_metal_and_padding_are_ct(change):
    frame_of(ct(change(body())), CT)


OTHER = {
    "mri": lambda v: np.where(v > -500, 500 + 3 * v, np.abs(v % 7)),
    "mri with noise about zero": lambda v: np.where(v > -500, 500 + 3 * v, v % 61 - 30),
    "without its intercept": lambda v: v + 1024,
    "without its intercept, padded": lambda v: np.where(np.indices(v.shape)[2] < 4, -2000, v + 1024),
    "its intercept twice": lambda v: v - 1024,
    "scaled to 8 bits": lambda v: np.clip((v + 160) / 400 * 255, 0, 255),
    "thousandths": lambda v: v / 1000,
    "standardised": lambda v: (v - v.mean()) / v.std(),
    "phase": lambda v: np.random.default_rng(1).integers(-4096, 4096, v.shape),
    "constant": lambda v: 0 * v,
}


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_in_hounsfield_units_is_no_ct(name):
    with pytest.raises(InputError, match="PREDICT-MODALITY"):
        frame_of(ct(np.asarray(OTHER[name](body().astype(float)), np.float32)), CT)


def test_a_ct_whose_series_says_another_unit_is_refused():
    with pytest.raises(InputError, match="PREDICT-MODALITY"):
        frame_of(ct(body(), "Bq/ml"), CT)
