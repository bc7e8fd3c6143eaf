import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.preprocess.conform import conform
from medscience.simulate.head import simulate_head
from medscience.simulate.scanner import Protocol
from medscience.testing.phantoms import centroid, landmark, obliques, orientations

EVERYTHING = (slice(None),) * 3


def image_of(values, grid):
    return Image(values, Meaning(grid))


@pytest.mark.parametrize(
    "grid", orientations((256, 256, 256), (1.0, 1.0, 1.0))[::7], ids=lambda g: g.orientation
)
def test_a_conformed_scan_passes_bit_for_bit_in_any_orientation(grid):
    values = np.random.default_rng(0).integers(0, 255, grid.shape, np.uint8)
    found = conform(image_of(values, grid))
    change = grid.reorientation("LIA")
    assert found.image.geometry == grid.reoriented(change)
    assert_array_equal(found.image.read(EVERYTHING), change.apply(values))
    assert found.notes == ()


@pytest.mark.parametrize(
    "grid",
    [*orientations((40, 50, 60), (2.0, 1.5, 1.2))[::9], *obliques(4, shape=(50, 60, 40))],
    ids=lambda g: g.orientation,
)
def test_any_scan_becomes_the_cube_and_a_landmark_stays_where_it_is(grid):
    mark = landmark(grid, (20, 21, 22))
    found = conform(image_of(mark.volume, grid)).image
    volume = found.read(EVERYTHING)
    assert (volume.shape, volume.dtype) == ((256, 256, 256), np.uint8)
    assert found.geometry.orientation == "LIA"
    assert_allclose(found.geometry.spacing, 1)
    assert_allclose(centroid(volume, found.geometry), mark.world, atol=0.05)


def test_the_cube_is_centred_as_freesurfer_centres_it():
    """c_ras, the world position of index n / 2, is kept (mri_convert --conform)."""
    grid = obliques(1, shape=(50, 61, 40))[0]
    found = conform(image_of(np.ones(grid.shape, np.uint8), grid)).image.geometry
    assert_allclose(found.world((128, 128, 128)), grid.world((25, 30.5, 20)), atol=1e-9)


def freesurfer_scale(data):
    """FreeSurfer's conversion to 8 bits, the plain way: a thousandth of the non-zero voxels saturates."""
    low, high = data.min(), data.max()
    width = (high - low) / 1000
    counts, _ = np.histogram(data, 1000)
    most = data.size - int(0.001 * np.count_nonzero(data))
    bin_, seen = 0, 0
    while seen < most:
        seen += counts[bin_]
        bin_ += 1
    top = low + (bin_ - 2) * width
    return np.rint(np.clip((data - low) * 255 / (top - low), 0, 255))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.uint16])
def test_other_types_are_scaled_to_8_bits_by_freesurfers_rule(dtype):
    grid = orientations((60, 60, 60), (1.0, 1.0, 1.0))[0]
    random = np.random.default_rng(0)
    values = np.zeros(grid.shape)
    values[10:50, 10:50, 10:50] = random.normal(800, 150, (40, 40, 40)).clip(1)
    values[20, 20, 20] = 9000  # a bright spot that would spoil a plain maximum
    values = values.astype(dtype)
    found = conform(image_of(values, grid)).image
    at = np.rint(found.geometry.index(grid.world([0, 0, 0]))).astype(int)
    change = found.geometry.reorientation(grid.orientation)
    volume = change.apply(found.read(EVERYTHING))
    at = np.rint(found.geometry.reoriented(change).index(grid.world((0, 0, 0)))).astype(int)
    inside = volume[tuple(slice(a, a + 60) for a in at)]
    assert np.abs(inside - freesurfer_scale(values.astype(np.float64))).max() <= 1


def test_8_bits_are_not_scaled(toy_head):
    made = toy_head(1)
    found = conform(image_of(made.image // 2, made.geometry)).image
    assert found.read(EVERYTHING).max() == (made.image // 2).max()


def test_a_long_field_of_view_is_cut_around_the_head_and_this_is_said():
    grid = Geometry((330, 100, 100), as_affine(np.eye(4)[[2, 1, 0, 3]]))
    volume = np.zeros(grid.shape, np.uint8)
    volume[150:320, 20:80, 20:80] = 200  # head and neck, reaching up to 319 mm
    found = conform(image_of(volume, grid))
    (note,) = found.notes
    assert "330 mm long head-foot" in note
    cube = found.image.read(EVERYTHING)
    assert cube.sum() // 200 == 170 * 60 * 60
    assert not conform(image_of(volume[:250], grid.crop((0, 0, 0), (250, 100, 100)))).notes


def test_a_head_longer_than_the_cube_loses_its_neck_not_its_crown():
    grid = Geometry((400, 60, 60), as_affine(np.eye(4)[[2, 1, 0, 3]]))
    volume = np.full(grid.shape, 0, np.uint8)
    volume[20:390, 10:50, 10:50] = 200
    found = conform(image_of(volume, grid)).image
    crown = grid.world((389, 30, 30))
    z, y, x = np.rint(found.geometry.index(crown)).astype(int)
    assert found.read(EVERYTHING)[z, y, x] == 200
    assert y >= 2


def test_it_agrees_with_nibabels_conform_where_both_interpolate_smoothly():
    """nibabel resamples to the same cube by another implementation (scipy splines, its own affine)."""
    made = simulate_head(2, Protocol((70, 90, 66), (3.0, 2.4, 2.8)))
    ours = conform(image_of(made.image, made.geometry)).image
    target = (ours.shape, ours.geometry.matrix[:, [0, 1, 2, 3]])
    scan = nib.Nifti1Image(made.image, made.geometry.matrix)
    from nibabel.processing import resample_from_to

    theirs = resample_from_to(scan, target, order=3).get_fdata()
    difference = np.abs(ours.read(EVERYTHING) - np.clip(np.rint(theirs), 0, int(made.image.max())))
    assert np.quantile(difference, 0.999) <= 1
