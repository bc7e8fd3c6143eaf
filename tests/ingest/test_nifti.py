"""NIfTI files, against nibabel. What is refused by name is in the catalogue of bad inputs, group C."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import obliques, orientations
from tests.ingest.contract import ReaderContract, voxels

NIFTI_TYPES = ("u1", "i2", "i4", "f4", "f8", "i1", "u2", "u4", "i8", "u8")


def write_nifti(volume, geometry, path, kind=nib.Nifti1Image):
    matrix = geometry.matrix[:, [2, 1, 0, 3]]
    image = kind(volume.transpose(2, 1, 0), matrix, dtype=volume.dtype)
    image.set_sform(matrix, 1)
    image.set_qform(matrix, 1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


class TestPlain(ReaderContract):
    ending = ".nii"
    dtypes = NIFTI_TYPES

    def write(self, volume, geometry, path):
        write_nifti(volume, geometry, path)


class TestGzipped(ReaderContract):
    ending = ".nii.gz"
    dtypes = NIFTI_TYPES

    def write(self, volume, geometry, path):
        write_nifti(volume, geometry, path)


class TestNifti2(ReaderContract):
    ending = ".nii"
    dtypes = NIFTI_TYPES

    def write(self, volume, geometry, path):
        write_nifti(volume, geometry, path, nib.Nifti2Image)


@pytest.fixture
def scan(tmp_path):
    """A plain file whose header tests damage."""
    path = tmp_path / "scan.nii"
    volume = np.random.default_rng(0).integers(0, 999, (7, 9, 11), np.int16)
    write_nifti(volume, orientations()[11], path)
    return path


def poke(path, *changes):
    """Write values into a header: (byte, struct code, values...)."""
    content = bytearray(path.read_bytes())
    for offset, code, *values in changes:
        struct.pack_into(f"<{len(values)}{code}", content, offset, *values)
    path.write_bytes(content)


NO_SFORM = (254, "h", 0)
NO_QFORM = (252, "h", 0)
REPAIRED = {
    "bitpix": ("NIFTI-BITPIX", [(72, "h", 64)]),
    "negative-pixdim": ("NIFTI-PIXDIM", [(84, "f", -0.8), NO_SFORM]),
    "unknown-unit": ("NIFTI-UNIT", [(123, "B", 0)]),
    "singleton": ("NIFTI-SINGLETON", [(40, "h", 4), (48, "h", 1)]),
    "pixdim-against-sform": ("NIFTI-PIXDIM", [(80, "f", 9.0), NO_QFORM]),
}


@pytest.mark.parametrize("case", REPAIRED)
def test_what_is_put_right_leaves_the_volume_and_its_place_as_they_were(case, scan):
    before = open_source(scan)
    volume = voxels(before)
    code, changes = REPAIRED[case]
    poke(scan, *changes)
    after = open_source(scan)
    assert_array_equal(voxels(after), volume)
    if case != "pixdim-against-sform":
        assert after.meaning.geometry.close_to(before.meaning.geometry, 1e-2)
    assert [repair.code for repair in after.repairs] == [code]


@pytest.mark.parametrize("unit, factor", [("meter", 1000.0), ("micron", 0.001)])
def test_other_units_become_millimetres(unit, factor, tmp_path):
    path = tmp_path / "scan.nii"
    matrix = np.diag([1 / factor, 2 / factor, 3 / factor, 1])
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.uint8), matrix)
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    source = open_source(path)
    assert_allclose(source.meaning.geometry.spacing, (3, 2, 1), rtol=1e-6)
    assert [repair.code for repair in source.repairs] == ["NIFTI-UNIT"]


@pytest.mark.parametrize("geometry", obliques(6), ids=lambda grid: grid.orientation)
def test_qform_alone_gives_the_place_that_nibabel_gives(geometry, tmp_path):
    path = tmp_path / "scan.nii"
    write_nifti(np.zeros(geometry.shape, np.uint8), geometry, path)
    poke(path, NO_SFORM)
    expected = nib.load(path).affine[:, [2, 1, 0, 3]]
    assert_allclose(open_source(path).meaning.geometry.matrix, expected, atol=1e-6)


def test_stored_numbers_are_scaled_as_nibabel_scales_them(scan):
    poke(scan, (112, "f", 0.5, -1024.0))
    source = open_source(scan)
    expected = nib.load(scan).get_fdata(dtype=np.float32).transpose(2, 1, 0)
    assert source.dtype == np.float32
    assert_allclose(voxels(source), expected)


def test_big_endian_files_give_the_same_volume(scan, tmp_path):
    swapped = tmp_path / "big.nii"
    image = nib.load(scan)
    nib.save(nib.Nifti1Image(image.dataobj, None, image.header.as_byteswapped(">")), swapped)
    assert swapped.read_bytes()[:2] == b"\0\0"
    assert_array_equal(voxels(open_source(swapped)), voxels(open_source(scan)))
    assert open_source(swapped).meaning == open_source(scan).meaning


def test_slight_shear_is_kept_and_noted_and_strong_shear_refused(tmp_path):
    path = tmp_path / "scan.nii"
    for shear, code in ((0.001, "NIFTI-SHEAR"), (0.1, "NIFTI-AFFINE")):
        matrix = np.eye(4)
        matrix[0, 1] = shear
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.uint8), None)
        image.header.set_xyzt_units("mm")
        image.set_sform(matrix, 1)
        image.set_qform(None, 0)
        nib.save(image, path)
        if shear < 0.01:
            source = open_source(path)
            assert_allclose(source.meaning.geometry.matrix[:, [2, 1, 0, 3]], matrix, atol=1e-7)
            assert [repair.code for repair in source.repairs] == [code]
        else:
            with pytest.raises(InputError, match=code):
                open_source(path)


@pytest.mark.parametrize("where", [0.2, 0.6, 0.99])
def test_a_damaged_gzip_never_passes(where, scan, tmp_path):
    packed = bytearray(gzip.compress(scan.read_bytes(), mtime=0))
    packed[int(len(packed) * where)] ^= 4
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(packed)
    with pytest.raises(InputError):
        voxels(open_source(path))


@pytest.mark.parametrize(
    "tail", [b"stray bytes", gzip.compress(b"a second member")], ids=["bytes", "a gzip member"]
)
def test_what_follows_the_voxels_is_ignored_and_recorded(tail, scan, tmp_path):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(scan.read_bytes()) + tail)
    source = open_source(path)
    assert_array_equal(voxels(source), voxels(open_source(scan)))
    assert [repair.code for repair in source.repairs] == ["NIFTI-TAIL"]


def test_a_format_without_a_reader_is_refused_by_name(tmp_path):
    path = tmp_path / "scan.xyz"
    path.write_bytes(b"some voxels")
    with pytest.raises(InputError, match=r"INPUT-FORMAT.*\.xyz"):
        open_source(path)
