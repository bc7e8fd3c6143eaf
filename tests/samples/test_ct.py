"""Real CT is taken for CT, and real MRI is not."""

import pytest

from medscience.description import HounsfieldWindow, NetworkInput
from medscience.errors import InputError
from medscience.inference.frame import frame_of
from medscience.steps.ingest import ingest
from medscience.store.images import open_image

CT = NetworkInput(
    modality="CT", axes="SPL", spacing="own", normalize=HounsfieldWindow(low=-200, high=250, offset=48)
)


def seen(source, folder):
    ingest(source, folder / "scan.ome.zarr")
    return frame_of(open_image(folder / "scan.ome.zarr").image, CT).image


@pytest.mark.samples
@pytest.mark.parametrize("name", ["ct/dicom", "ct/thorax_abdomen_3mm.nii.gz"])
def test_real_ct_is_seen_slice_by_slice(name, samples, tmp_path):
    assert seen(samples / name, tmp_path).geometry.orientation == "SPL"


@pytest.mark.samples
def test_real_mri_is_refused(samples, tmp_path):
    with pytest.raises(InputError, match="PREDICT-MODALITY"):
        seen(samples / "t1/t1_crop.nii.gz", tmp_path)
