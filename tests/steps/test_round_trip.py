"""A scan goes in, and comes out on its own grid with its own voxels."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.geometry import Geometry, as_affine
from medscience.ingest.formats import open_source
from medscience.steps.export import nifti
from medscience.steps.ingest import ingest
from medscience.testing.phantoms import BRIGHT, landmark, orientations
from tests.ingest.contract import GRIDS
from tests.ingest.test_nifti import write_nifti

LPS = np.diag([-1.0, -1.0, 1.0])


def world_of_landmark(path):
    """World position (RAS+) of the landmark, read by ITK, which is independent of all that we use."""
    image = sitk.ReadImage(str(path))
    found = np.argwhere(sitk.GetArrayFromImage(image) == BRIGHT).mean(axis=0)
    return LPS @ image.TransformContinuousIndexToPhysicalPoint(found[::-1].tolist())


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.orientation)
def test_a_landmark_round_trips_and_so_does_every_voxel(grid, ending, tmp_path):
    mark = landmark(grid)
    scan, store, back = tmp_path / f"in{ending}", tmp_path / "s.ome.zarr", tmp_path / f"out{ending}"
    write_nifti(mark.volume, grid, scan)
    ingest(scan, store)
    nifti(store, back)
    assert_allclose(world_of_landmark(back), mark.world, atol=1e-3)
    assert_allclose(nib.load(back).affine, nib.load(scan).affine, atol=1e-5)
    assert_array_equal(np.asarray(nib.load(back).dataobj), np.asarray(nib.load(scan).dataobj))


def almost_half_turn(degrees):
    """A grid as large as a head scan, turned by nearly half a turn: what a qform says worst."""
    c, s = np.cos(np.deg2rad(180 - degrees)), np.sin(np.deg2rad(180 - degrees))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, 1, -1e-4], [0, 1e-4, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.qr(turn)[0] * np.sign(np.diag(np.linalg.qr(turn)[1]))
    return Geometry((200, 220, 180), as_affine(matrix[:, [2, 1, 0, 3]]))


@pytest.mark.parametrize("degrees", [0.0, 0.01, 0.025, 0.1, 1.0])
def test_nearly_half_turns_round_trip_though_a_qform_cannot_say_them(degrees, tmp_path):
    grid = almost_half_turn(degrees)
    volume = np.zeros(grid.shape, np.int16)
    volume[190, 210, 170] = BRIGHT
    write_nifti(volume, grid, tmp_path / "sform.nii")
    both = nib.load(tmp_path / "sform.nii")
    both.set_qform(both.affine, 1)  # as other programs write it
    nib.save(both, tmp_path / "in.nii")
    ingest(tmp_path / "in.nii", tmp_path / "s.ome.zarr")
    nifti(tmp_path / "s.ome.zarr", tmp_path / "out.nii")
    assert_allclose(world_of_landmark(tmp_path / "out.nii"), grid.world((190, 210, 170)), atol=1e-3)
    assert_allclose(nib.load(tmp_path / "out.nii").affine, nib.load(tmp_path / "in.nii").affine, atol=1e-5)
    noted = [repair.code for repair in open_source(tmp_path / "in.nii").repairs]
    assert noted == (["NIFTI-HALF-TURN"] if degrees == 0.025 else [])  # only there is it more than 0.1 voxels


def test_forms_that_truly_differ_are_refused_near_half_turns_too(tmp_path):
    """The allowance is for rounding: a shift of two voxels is none."""
    grid = almost_half_turn(0.025)
    write_nifti(np.zeros(grid.shape, np.uint8), grid, tmp_path / "in.nii")
    image = nib.load(tmp_path / "in.nii")
    matrix = image.affine.copy()
    matrix[0, 3] += 2
    image.set_sform(matrix, 1)
    nib.save(image, tmp_path / "moved.nii")
    with pytest.raises(InputError, match="sform and qform"):
        open_source(tmp_path / "moved.nii")


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8", "i1", "u2", "u4", "i8", "u8"])
def test_every_type_of_number_round_trips_bit_for_bit(dtype, tmp_path):
    grid = orientations()[3]
    volume = np.frombuffer(np.random.default_rng(0).bytes(8 * 693), dtype)[:693].reshape(grid.shape)
    volume = np.nan_to_num(volume)
    write_nifti(volume, grid, tmp_path / "in.nii")
    ingest(tmp_path / "in.nii", tmp_path / "s.ome.zarr")
    nifti(tmp_path / "s.ome.zarr.commit.json", tmp_path / "out.nii.gz")
    back = nib.load(tmp_path / "out.nii.gz")
    assert back.get_data_dtype() == np.dtype(dtype)
    assert_array_equal(np.asarray(back.dataobj).transpose(2, 1, 0), volume)


def test_equal_scans_make_equal_files(tmp_path):
    write_nifti(np.ones((7, 9, 11), np.int16), orientations()[0], tmp_path / "in.nii")
    for name in ("a", "b"):
        ingest(tmp_path / "in.nii", tmp_path / f"{name}.ome.zarr")
        nifti(tmp_path / f"{name}.ome.zarr", tmp_path / f"{name}.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_nothing_of_a_header_that_could_name_a_person_is_kept(tmp_path):
    canary = b"CANARY_1234"
    image = nib.Nifti1Image(np.ones((7, 9, 11), np.int16), np.eye(4))
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = canary[: image.header[field].dtype.itemsize]
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", canary))
    path = tmp_path / f"{canary.decode()}.nii"
    nib.save(image, path)
    assert path.read_bytes().count(b"CANARY") >= 4
    ingest(path, tmp_path / "s.ome.zarr")
    nifti(tmp_path / "s.ome.zarr", tmp_path / "out.nii")
    written = [p for p in tmp_path.rglob("*") if p.is_file() and p != path]
    assert {p.name for p in written} >= {"out.nii", "s.ome.zarr.commit.json", "zarr.json"}
    assert not [p for p in written if b"CANARY" in p.read_bytes()]
