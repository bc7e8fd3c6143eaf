"""A small good source of every reader, and which of its files are changed."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medscience.testing.phantoms import orientations
from tests.bad.ome_zarr import theirs
from tests.ingest.test_freesurfer import write_mgh
from tests.ingest.test_metaimage import write_itk
from tests.ingest.test_nifti import write_nifti
from tests.ingest.test_nrrd import write_by_hand
from tests.ingest.test_ome_zarr import FormatV04

GRID = orientations((3, 4, 5))[11]
VOLUME = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def unchanged(content):
    return content


def gzipped(content):
    return gzip.compress(content, 1)


@dataclass(frozen=True)
class Seed:
    """A good source.

    Attributes
    ----------
    make : callable
        Given an empty folder, writes the source there and returns its path.
    parts : tuple of str
        The files that are changed, under the source's folder; empty for the source itself.
    unpack, pack : callable
        What is done to a file before and after it is changed, half of the times.
    """

    make: Callable
    parts: tuple[str, ...] = ()
    unpack: Callable = unchanged
    pack: Callable = unchanged


def written(name, write, **options):
    def make(folder):
        write(VOLUME, GRID, folder / name, **options)
        return folder / name

    return make


def version_04(folder):
    return theirs(folder, FormatV04)


SEEDS = {
    "nii": Seed(written("x.nii", write_nifti)),
    "nii.gz": Seed(written("x.nii.gz", write_nifti), unpack=gzip.decompress, pack=gzipped),
    "mha": Seed(written("x.mha", write_itk)),
    "mhd": Seed(written("x.mhd", write_itk, packed=True), ("x.mhd", "x.zraw")),
    "nrrd": Seed(written("x.nrrd", write_by_hand)),
    "nrrd-gzip": Seed(written("x.nrrd", write_by_hand, encoding="gzip")),
    "nhdr": Seed(written("x.nhdr", write_itk), ("x.nhdr", "x.raw")),
    "mgz": Seed(written("x.mgz", write_mgh), unpack=gzip.decompress, pack=gzipped),
    "ome-zarr": Seed(theirs, ("zarr.json", "s0/zarr.json", "s1/zarr.json", "s0/c/1/0/1")),
    "ome-zarr-04": Seed(version_04, (".zattrs", "s0/.zarray", "s1/.zarray", "s0/1/0/1")),
}
"""By reader and form."""
