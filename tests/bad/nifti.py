"""Group C: NIfTI."""

import numpy as np

from medscience.testing.phantoms import orientations
from tests.bad.reading import reading
from tests.ingest.test_nifti import write_nifti


def scan(path):
    """Write a good scan."""
    write_nifti(np.random.default_rng(0).integers(0, 999, (7, 9, 11), np.int16), orientations()[11], path)
    return path


def cut_gzip(folder):
    """The last bytes of the gzip stream are missing."""
    path = scan(folder / "scan.nii.gz")
    path.write_bytes(path.read_bytes()[:-20])
    return reading(path)


def data_after_the_voxels(folder):
    """Bytes follow the last voxel."""
    path = scan(folder / "scan.nii")
    path.write_bytes(path.read_bytes() + b"more")
    return reading(path)
