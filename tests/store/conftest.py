"""Committed stores to read from."""

import numpy as np
import pytest

from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content
from medscience.store.staging import staged

UPRIGHT = as_affine(np.diag([1.0, 2.0, 3.0, 1.0])[:, [2, 1, 0, 3]])
"""3, 2 and 1 mm along (z, y, x)."""


def write(path, array, *, affine=UPRIGHT, axes=None, block=None, settings=None, meaning=None, **content):
    """Write an array (Z, Y, X) or (T, Z, Y, X) and commit it; return its path."""
    geometry = Geometry(array.shape[-3:], affine)
    meaning = meaning or Meaning(geometry, axes or ("zyx" if array.ndim == 3 else "tzyx"))
    with staged(path, Provenance("test", settings or {}, {})) as staging:
        writer = ImageWriter(staging, Content.of(meaning, **content), array.shape, array.dtype, block)
        for region in regions(writer.shape, writer.shards):
            writer.write(region, array[region])
        writer.finish()
    return path


@pytest.fixture(scope="session")
def write_store():
    """Return the function that writes an array and commits it."""
    return write


@pytest.fixture
def store(tmp_path):
    """Return a small committed store."""
    return write(tmp_path / "x.ome.zarr", np.arange(120, dtype=np.int16).reshape(4, 5, 6))
