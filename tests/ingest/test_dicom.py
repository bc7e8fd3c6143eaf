"""DICOM series against the reader's contract, and against other libraries."""

import hashlib

import numpy as np
import pytest

from medscience.ingest.formats import open_source
from medscience.testing.phantoms import orientations
from tests.ingest.contract import ReaderContract
from tests.ingest.dicom_files import LPS, write_enhanced, write_volume


class Sorted(ReaderContract):
    """DICOM keeps no order of slices: they come back along the normal of their plane."""

    def as_read(self, volume, geometry):
        z, y, x = (LPS @ geometry.directions).T
        if np.cross(x, y) @ z > 0:
            return volume, geometry
        change = geometry.reorientation(geometry.orientation)
        change = type(change)(change.order, (True, False, False))
        return change.apply(volume), geometry.reoriented(change)


class TestSeries(Sorted):
    ending = ""
    dtypes = ("uint8", "int8", "int16", "uint16", "int32", "uint32")

    def write(self, volume, geometry, path):
        write_volume(volume, geometry, path)

    def part_of(self, path):
        return sorted(path.iterdir())[2]

    def test_the_digest_is_that_of_the_file(self, tmp_path):
        path = tmp_path / "scan"
        self.write(np.arange(7 * 9 * 11, dtype=np.int16).reshape(7, 9, 11), orientations()[0], path)
        digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir())
        expected = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        for n, file in enumerate(sorted(path.iterdir())):
            file.rename(path / f"{n * 7 % 5}-{n}")
        (path / "notes.txt").write_text("beside")
        assert open_source(path).sha256 == expected


class TestEnhanced(Sorted):
    ending = ".dcm"
    dtypes = ("uint8", "int8", "int16", "uint16", "int32", "uint32")

    def write(self, volume, geometry, path):
        write_enhanced(volume, geometry, path)
