"""Published weights on a real scan, through ingest, predict and export."""

import json

import nibabel as nib
import numpy as np
import pytest

from medscience.steps.export import nifti
from medscience.steps.ingest import ingest
from medscience.steps.models import brainchop, check
from medscience.steps.predict import predict
from medscience.store.images import open_image

pytestmark = pytest.mark.samples

COUNTS = {
    "model5_gw_ae": [15523464, 518540, 735212],
    "model20chan3cls": [15470254, 595943, 711019],
}
"""Voxels for each label, as a plain whole-volume pass gives them (data/SOURCES.md)."""


@pytest.fixture(scope="module")
def scan(samples, tmp_path_factory):
    store = tmp_path_factory.mktemp("real") / "t1.ome.zarr"
    ingest(samples / "t1/t1_crop.nii.gz", store)
    return store


@pytest.mark.parametrize("name", COUNTS)
def test_labels_agree_with_those_beside_the_scan(name, samples, scan, tmp_path):
    brainchop(samples / "meshnet" / name, name, tmp_path)
    check(str(tmp_path / f"{name}.yaml"))
    predict(scan, str(tmp_path / f"{name}.yaml"), tmp_path / "raw.ome.zarr", precision="float32")
    nifti(tmp_path / "raw.ome.zarr", tmp_path / "labels.nii.gz")
    found = nib.load(tmp_path / "labels.nii.gz")
    expected = nib.load(samples / "t1" / f"{name}_labels.nii.gz")
    labels, truth = np.asarray(found.dataobj), np.asarray(expected.dataobj)
    agreement = (labels == truth).mean()
    assert agreement >= 0.9999
    assert np.abs(np.bincount(labels.ravel()) - COUNTS[name]).max() <= 20
    np.testing.assert_allclose(found.affine, nib.load(samples / "t1/t1_crop.nii.gz").affine)
    record = open_image(tmp_path / "raw.ome.zarr").commit.record
    assert record["plan"]["predicted_bytes"] <= record["plan"]["promised_bytes"]


@pytest.mark.parametrize("name", ["model5_gw_ae", "model20chan3cls", "model21_104class"])
def test_every_published_model_of_the_samples_is_converted(name, samples, tmp_path):
    brainchop(samples / "meshnet" / name, name, tmp_path)
    check(str(tmp_path / f"{name}.yaml"))
    colors = json.loads((samples / "meshnet/model20chan3cls/colormap.json").read_text())
    if name == "model20chan3cls":
        text = (tmp_path / f"{name}.yaml").read_text()
        assert all(label in text for label in colors["labels"])
        assert "quantile-5-95" in text


@pytest.mark.parametrize("name", ["ct/thorax_abdomen_3mm.nii.gz", "ct/dicom_reference_labels.nii.gz"])
def test_other_real_volumes_round_trip(name, samples, tmp_path):
    ingest(samples / name, tmp_path / "x.ome.zarr")
    nifti(tmp_path / "x.ome.zarr", tmp_path / "x.nii.gz")
    before, after = nib.load(samples / name), nib.load(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj))
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-4)
