"""What headers say of a grid is what a reader finds."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from medscience.ingest.formats import open_source
from medscience.ingest.grids import grid_in_header

VOXELS = np.random.default_rng(0).integers(0, 99, (7, 6, 5)).astype(np.int16)


WRITERS = {
    **dict.fromkeys((".nii", ".nii.gz"), nibabel.Nifti1Image),
    **dict.fromkeys((".mgh", ".mgz"), nibabel.MGHImage),
}


@pytest.mark.parametrize("ending", [*WRITERS, ".mha", ".mhd", ".nrrd", ".nhdr"])
def test_a_header_says_what_the_reader_finds(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    if ending in WRITERS:
        nibabel.save(WRITERS[ending](VOXELS, np.diag([1.0, 2.0, 3.0, 1.0])), path)
    else:
        image = sitk.GetImageFromArray(VOXELS)
        image.SetSpacing((1.0, 2.0, 3.0))
        sitk.WriteImage(image, path)
    assert grid_in_header(path) == open_source(path).meaning.geometry


def test_a_folder_of_slices_is_about_what_it_is(samples):
    folder = samples / "ct/dicom"
    found, whole = grid_in_header(folder), open_source(folder).meaning.geometry
    assert found.shape == whole.shape
    assert found.spacing[1:] == pytest.approx(whole.spacing[1:], rel=1e-3)
    assert found.spacing[0] >= whole.spacing[0]  # these overlap


def test_what_would_have_to_be_read_is_not_known(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"RIFF")
    (tmp_path / "empty").mkdir()
    assert grid_in_header(tmp_path / "a.avi") is None
    assert grid_in_header(tmp_path / "empty") is None
