"""NIfTI files that hold several volumes."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import ConfigError, InputError, MismatchError
from medscience.export.nifti import write_nifti
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.ingest.formats import open_source
from medscience.steps.export import nifti
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from medscience.testing.phantoms import orientations
from tests.ingest.contract import voxels
from tests.ingest.test_nifti import poke

GRID = orientations()[17]
SERIES = np.random.default_rng(0).integers(-999, 999, (4, *GRID.shape), np.int16)


def write_series(path, series=SERIES, step=0.8, unit="sec"):
    matrix = GRID.matrix[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(series.T, matrix, dtype=series.dtype)
    image.header.set_xyzt_units("mm", unit)
    image.header.set_zooms((*image.header.get_zooms()[:3], step))
    nib.save(image, path)
    return path


def acquisition(folder, text):
    path = folder / "acquisition.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("slices", [1, 3, 100])
def test_volumes_come_one_after_the_other(tmp_path, ending, slices):
    source = open_source(write_series(tmp_path / f"scan{ending}"))
    assert source.shape == SERIES.shape
    slabs = list(source.slabs(slices))
    assert_array_equal(np.concatenate(slabs).reshape(SERIES.shape), SERIES)
    assert len(slabs) == len(SERIES) * -(-GRID.shape[0] // slices)


@pytest.mark.parametrize("step, unit, seconds", [(0.8, "sec", 0.8), (800, "msec", 0.8), (8e5, "usec", 0.8)])
def test_the_time_step_is_in_seconds_whatever_its_unit(tmp_path, step, unit, seconds):
    meaning = open_source(write_series(tmp_path / "scan.nii", step=step, unit=unit)).meaning
    assert meaning.axes == "tzyx"
    assert meaning.time_step == pytest.approx(seconds)


@pytest.mark.parametrize(
    "step, unit", [(0.8, "unknown"), (0, "sec"), (-1, "sec"), (np.nan, "sec"), (np.inf, "sec"), (0.8, "hz")]
)
def test_a_time_step_that_readers_take_differently_is_refused_unless_someone_says_it(tmp_path, step, unit):
    path = write_series(tmp_path / "scan.nii", unit=unit)
    poke(path, (92, "f", step))  # pixdim[4]
    with pytest.raises(InputError, match=r"NIFTI-TIME.*acquisition file"):
        open_source(path)
    said = open_source(path, acquisition(tmp_path, "time_step_s: 0.5\n"))
    assert said.meaning.time_step == 0.5
    phases = open_source(path, acquisition(tmp_path, "phases: true\n"))
    assert phases.meaning.time_step is None
    assert phases.shape == SERIES.shape
    assert [repair.code for repair in phases.repairs] == ["NIFTI-TIME"]


@pytest.mark.parametrize("text", ["{}", "time_step_s: 1.0\nphases: true", "time_step_s: 0", "step: 1.0"])
def test_an_acquisition_file_must_say_one_of_both(tmp_path, text):
    with pytest.raises(ConfigError, match=r"acquisition\.yaml"):
        open_source(write_series(tmp_path / "scan.nii"), acquisition(tmp_path, text))


def test_an_acquisition_file_for_a_single_volume_is_refused(tmp_path):
    path = write_series(tmp_path / "scan.nii", SERIES[:1])
    assert open_source(path).meaning.axes == "zyx"
    with pytest.raises(InputError, match="ACQUISITION-UNUSED"):
        open_source(path, acquisition(tmp_path, "phases: true\n"))


def test_a_series_that_lacks_its_last_volume_is_refused(tmp_path):
    path = write_series(tmp_path / "scan.nii")
    path.write_bytes(path.read_bytes()[: -SERIES[0].nbytes])
    with pytest.raises(InputError, match="NIFTI-TRUNCATED"):
        voxels(open_source(path))


def test_a_series_goes_in_and_comes_out_as_it_was(tmp_path):
    """ITK, which is independent of all that we use, reads what comes out."""
    path = write_series(tmp_path / "in.nii.gz")
    ingest(path, tmp_path / "s.ome.zarr")
    stored = open_image(tmp_path / "s.ome.zarr")
    assert stored.image.data.chunks[0] == 1
    assert_array_equal(stored.image.read((slice(None),) * 4), SERIES)
    assert stored.image.meaning.times(3).tolist() == pytest.approx([0, 0.8, 1.6])
    nifti(tmp_path / "s.ome.zarr", tmp_path / "out.nii.gz")
    back = sitk.ReadImage(str(tmp_path / "out.nii.gz"))
    assert back.GetSpacing()[3] == pytest.approx(0.8)
    assert_array_equal(sitk.GetArrayFromImage(back), SERIES)
    assert_allclose(nib.load(tmp_path / "out.nii.gz").affine, nib.load(path).affine, atol=1e-5)
    assert nib.load(tmp_path / "out.nii.gz").header.get_xyzt_units() == ("mm", "sec")


def test_phases_come_out_without_a_unit_of_time(tmp_path):
    path = write_series(tmp_path / "in.nii", step=0, unit="unknown")
    ingest(path, tmp_path / "s.ome.zarr", acquisition=acquisition(tmp_path, "phases: true\n"))
    nifti(tmp_path / "s.ome.zarr", tmp_path / "out.nii")
    header = nib.load(tmp_path / "out.nii").header
    assert (header["pixdim"][4], header.get_xyzt_units()) == (0, ("mm", "unknown"))


@pytest.mark.parametrize(
    "words", [{"space": "own"}, {"space": "pixels"}, {"time_step": 1.0, "skipped": ((1, 1),)}]
)
def test_what_nifti_cannot_say_is_not_exported(tmp_path, words):
    image = Image(np.zeros((2, 3, 4, 5), np.uint8), Meaning(Geometry.own((3, 4, 5)), "tzyx", **words))
    with pytest.raises(MismatchError, match="EXPORT-NIFTI"):
        write_nifti(image, tmp_path / "out.nii", is_labels=False, form_code=None)
