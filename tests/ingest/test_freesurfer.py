"""FreeSurfer volumes, against nibabel's writer and reader."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import orientations
from tests.ingest.contract import ReaderContract, voxels


def write_mgh(volume, geometry, path):
    nib.save(nib.MGHImage(volume.transpose(2, 1, 0), geometry.matrix[:, [2, 1, 0, 3]]), path)


class TestMgh(ReaderContract):
    ending = ".mgh"
    dtypes = ("u1", "i2", "i4", "f4")

    def write(self, volume, geometry, path):
        write_mgh(volume, geometry, path)

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.9, 0.98])
    def test_a_truncated_file_is_refused(self, part, tmp_path):
        """What follows the voxels may be missing, so the last cut is one into the voxels."""
        super().test_a_truncated_file_is_refused(part, tmp_path)


class TestMgz(ReaderContract):
    ending = ".mgz"
    dtypes = ("u1", "i2", "i4", "f4")

    def write(self, volume, geometry, path):
        write_mgh(volume, geometry, path)


@pytest.fixture
def scan(tmp_path):
    """Return a good file."""
    path = tmp_path / "scan.mgh"
    write_mgh(np.arange(693, dtype=np.int16).reshape(7, 9, 11), orientations()[11], path)
    return path


REFUSED = {
    "version": (0, ">i", 2),
    "no-size": (4, ">i", 0),
    "negative": (8, ">i", -9),
    "huge": (12, ">i", 2**31 - 1),
    "frames": (16, ">i", 2),
    "type": (20, ">i", 2),
    "no-orientation": (28, ">h", 0),
    "no-spacing": (30, ">f", 0.0),
    "negative-spacing": (34, ">f", -1.0),
    "direction-nan": (42, ">f", np.nan),
    "direction-long": (42, ">3f", 0.0, 2.0, 0.0),
    "directions-dependent": (42, ">6f", 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    "middle-inf": (78, ">f", np.inf),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_that_would_be_read_wrongly_is_refused_by_name(case, scan):
    offset, code, *values = REFUSED[case]
    content = bytearray(scan.read_bytes())
    struct.pack_into(code, content, offset, *values)
    scan.write_bytes(content)
    with pytest.raises(InputError, match="MGH-") as fault:
        voxels(open_source(scan))
    assert fault.value.file == str(scan)


@pytest.mark.parametrize("tail", [b"", b"tags that name a person"])
def test_tags_after_the_voxels_are_neither_needed_nor_read(tail, scan):
    volume = voxels(open_source(scan))
    scan.write_bytes(scan.read_bytes()[: 284 + volume.nbytes] + tail)
    source = open_source(scan)
    assert_array_equal(voxels(source), volume)
    assert source.repairs == []


def test_a_damaged_mgz_never_passes(scan):
    packed = bytearray(gzip.compress(scan.read_bytes(), mtime=0))
    packed[-6] ^= 4
    path = scan.with_suffix(".mgz")
    path.write_bytes(packed)
    with pytest.raises(InputError, match="MGH-DAMAGED"):
        voxels(open_source(path))
