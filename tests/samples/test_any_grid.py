"""A real head on other grids: oblique, anisotropic, turned, cut into tiles."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from medscience.errors import InputError
from medscience.steps.export import nifti
from medscience.steps.ingest import ingest
from medscience.steps.models import brainchop
from medscience.steps.predict import predict
from medscience.store.images import open_image
from medscience.testing.phantoms import orientations

pytestmark = pytest.mark.samples
EVERYTHING = (slice(None),) * 3
STEP = 6
"""Every so many of the 48 orientations; all of them take four minutes."""


@pytest.fixture(scope="module")
def models(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in ("model5_gw_ae", "model20chan3cls", "model21_104class"):
        brainchop(samples / "meshnet" / name, name, folder)
    return folder


@pytest.fixture(scope="module")
def scan(samples, tmp_path_factory):
    store = tmp_path_factory.mktemp("real") / "t1.ome.zarr"
    ingest(samples / "t1/t1_crop.nii.gz", store)
    return store


def oblique_grid(image):
    """0.9 x 0.9 x 1.2 mm, turned by 0.15, 0.10 and -0.12 rad about the scan's middle."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.15, 0.10, -0.12)
    direction = np.reshape(turn.GetMatrix(), (3, 3))
    spacing, size = np.array([0.9, 0.9, 1.2]), np.array([285, 285, 214])
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    origin = np.array(middle) - direction @ (spacing * (size - 1) / 2)
    grid = sitk.Image(size.tolist(), sitk.sitkFloat32)
    grid.SetSpacing(spacing.tolist())
    grid.SetDirection(direction.ravel().tolist())
    grid.SetOrigin(origin.tolist())
    return grid


def dice(a, b, label):
    return 2 * ((a == label) & (b == label)).sum() / ((a == label).sum() + (b == label).sum())


@pytest.mark.parametrize("name", ["model5_gw_ae", "model20chan3cls"])
def test_an_oblique_anisotropic_scan_gets_the_answer_of_the_original(name, samples, models, tmp_path):
    original = sitk.ReadImage(str(samples / "t1/t1_crop.nii.gz"))
    grid = oblique_grid(original)
    scan = sitk.Resample(sitk.Cast(original, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear)
    sitk.WriteImage(sitk.Cast(scan * 3.7, sitk.sitkInt16), str(tmp_path / "oblique.nii.gz"))
    answer = sitk.ReadImage(str(samples / "t1" / f"{name}_labels.nii.gz"))
    expected = sitk.GetArrayFromImage(sitk.Resample(answer, grid, sitk.Transform(), sitk.sitkNearestNeighbor))
    ingest(tmp_path / "oblique.nii.gz", tmp_path / "oblique.ome.zarr")
    predict(tmp_path / "oblique.ome.zarr", str(models / f"{name}.yaml"), tmp_path / "raw.ome.zarr")
    found = open_image(tmp_path / "raw.ome.zarr").image.read(EVERYTHING)
    scores = {label: dice(found, expected, label) for label in (1, 2)}
    assert min(scores.values()) >= 0.87


@pytest.mark.parametrize("tile", ["128,128,128", "96,120,88"])
def test_tiles_change_at_most_near_ties(tile, samples, scan, models, tmp_path):
    name = "model5_gw_ae"
    predict(scan, str(models / f"{name}.yaml"), tmp_path / "raw.ome.zarr", tile=tile, precision="float32")
    nifti(tmp_path / "raw.ome.zarr", tmp_path / "raw.nii.gz")
    found = np.asarray(nib.load(tmp_path / "raw.nii.gz").dataobj)
    expected = np.asarray(nib.load(samples / "t1" / f"{name}_labels.nii.gz").dataobj)
    assert open_image(tmp_path / "raw.ome.zarr").commit.record["plan"]["blocks"] > 1
    assert (found != expected).sum() <= 20


def test_a_104_class_answer_takes_at_most_3_gb(samples, scan, models, tmp_path):
    name = "model21_104class"
    predict(scan, str(models / f"{name}.yaml"), tmp_path / "raw.ome.zarr", memory="3G", precision="float32")
    nifti(tmp_path / "raw.ome.zarr", tmp_path / "raw.nii.gz")
    found = np.asarray(nib.load(tmp_path / "raw.nii.gz").dataobj)
    expected = np.asarray(nib.load(samples / "t1" / f"{name}_labels.nii.gz").dataobj)
    assert (found == expected).mean() >= 0.9999
    assert open_image(tmp_path / "raw.ome.zarr").commit.record["plan"]["blocks"] == 1


@pytest.mark.parametrize(("name", "least"), [("model5_gw_ae", 0.996), ("model20chan3cls", 0.998)])
def test_half_precision_finds_the_same_tissues(name, least, samples, scan, models, tmp_path):
    predict(scan, str(models / f"{name}.yaml"), tmp_path / "raw.ome.zarr", precision="bfloat16")
    nifti(tmp_path / "raw.ome.zarr", tmp_path / "raw.nii.gz")
    found = np.asarray(nib.load(tmp_path / "raw.nii.gz").dataobj)
    expected = np.asarray(nib.load(samples / "t1" / f"{name}_labels.nii.gz").dataobj)
    assert min(dice(found, expected, label) for label in (1, 2)) >= least


def test_orientations_of_a_crop_get_the_same_labels_in_the_world(samples, models, tmp_path):
    """A 64-voxel crop of the brain in every orientation: each voxel's label is the same."""
    original = nib.load(samples / "t1/t1_crop.nii.gz")
    crop = original.slicer[96:160, 64:128, 96:160]
    values = np.asarray(crop.dataobj)
    answers = []
    for grid in orientations((64, 64, 64), (1.0, 1.0, 1.0))[::STEP]:
        code = "".join(reversed(grid.orientation))
        turned = crop.as_reoriented(
            nib.orientations.ornt_transform(
                nib.io_orientation(crop.affine), nib.orientations.axcodes2ornt(code)
            )
        )
        path = tmp_path / f"{code}.nii.gz"
        nib.save(turned, path)
        ingest(path, tmp_path / f"{code}.ome.zarr")
        predict(
            tmp_path / f"{code}.ome.zarr", str(models / "model5_gw_ae.yaml"), tmp_path / f"{code}_l.ome.zarr"
        )
        nifti(tmp_path / f"{code}_l.ome.zarr", tmp_path / f"{code}_l.nii.gz")
        back = nib.load(tmp_path / f"{code}_l.nii.gz")
        back = back.as_reoriented(
            nib.orientations.ornt_transform(nib.io_orientation(back.affine), nib.io_orientation(crop.affine))
        )
        np.testing.assert_allclose(back.affine, crop.affine, atol=1e-3)
        answers.append(np.asarray(back.dataobj))
    assert values.shape == answers[0].shape
    assert len(np.unique(answers[0])) == 3
    assert min((answer == answers[0]).mean() for answer in answers) >= 0.999


def test_a_real_ct_is_not_segmented_as_mri(samples, models, tmp_path):
    ingest(samples / "ct/thorax_abdomen_3mm.nii.gz", tmp_path / "ct.ome.zarr")
    with pytest.raises(InputError, match="PREDICT-MODALITY"):
        predict(tmp_path / "ct.ome.zarr", str(models / "model5_gw_ae.yaml"), tmp_path / "raw.ome.zarr")
