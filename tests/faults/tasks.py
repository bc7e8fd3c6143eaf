"""What is written while something goes wrong, and what must hold of it afterwards."""

import numpy as np
import pyarrow as pa
from numpy.testing import assert_array_equal

from medscience.errors import StoreError
from medscience.export.nifti import write_nifti
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.store import files
from medscience.store.commit import Provenance, commit_path
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.store.tables import write_table
from medscience.store.verify import verify

BLOCK = (8, 8, 8)
WHOLE = (slice(None),) * 3
PROVENANCE = Provenance("test", {"setting": 1}, {"source": "0" * 64})

files.WAITS = (0.0, 0.0, 0.0)  # patience is tested for what it does, not for how long


def voxels(shape):
    return np.random.default_rng(0).integers(0, 99, shape).astype(np.int16)


def store_in(folder):
    """Where a task writes its store."""
    return folder / "results" / "x.ome.zarr"


def _write(folder, shape, block=None):
    content = Content.of(Meaning(Geometry(shape, as_affine(np.eye(4)))))
    with staged(store_in(folder), PROVENANCE, block=block) as staging:
        writer = ImageWriter(staging, content, shape, "int16", BLOCK)
        for region in regions(shape, BLOCK):
            if not writer.has(region):
                writer.write(region, voxels(shape)[region])
        writer.finish()


def small(folder):
    """A store of two blocks, written in one go."""
    _write(folder, (8, 8, 16))


def resumed(folder):
    """A store of two blocks whose finished blocks are kept."""
    _write(folder, (8, 8, 16), BLOCK)


def large(folder):
    """A store of 16 blocks."""
    _write(folder, (16, 32, 16), BLOCK)


def read(folder):
    """Read every voxel of the large store."""
    assert_array_equal(open_image(store_in(folder)).image.read(WHOLE), voxels(SHAPES["large"]))


def table(folder):
    write_table(
        folder / "x.parquet", pa.table({"volume_mm3": [n / 7 for n in range(999)]}), {"labels": "a" * 64}
    )


def nifti(folder):
    array = voxels((32, 32, 32))
    image = Image(array, Meaning(Geometry(array.shape, as_affine(np.eye(4)))))
    write_nifti(image, folder / "x.nii.gz", is_labels=False, form_code=1)


TASKS = {task.__name__: task for task in (small, resumed, large, read, table, nifti)}
SHAPES = {"small": (8, 8, 16), "resumed": (8, 8, 16), "large": (16, 32, 16)}


def is_whole_or_refused(task, folder):
    """Whether the store of a task is there, whole; else it must be refused as one that is not committed."""
    store = store_in(folder)
    try:
        found = open_image(store)
    except StoreError as fault:
        assert fault.code == "STORE-UNCOMMITTED"  # noqa: PT017 - either outcome is right
        return False
    assert_array_equal(found.image.read(WHOLE), voxels(SHAPES[task]))
    assert verify(store) == []
    return True


def assert_done_again(task, folder, digest):
    """A rerun after a fault ends as a run that nothing disturbed, and leaves nothing else behind."""
    if not is_whole_or_refused(task, folder):
        TASKS[task](folder)
    store = store_in(folder)
    assert is_whole_or_refused(task, folder)
    assert open_image(store).commit.digest == digest
    left = {path.name for path in store.parent.iterdir()} - {store.name, commit_path(store).name}
    # of one that was killed just after its commit; the next writer takes it away
    assert all(name.endswith((".lease", ".partial")) or ".ledger-" in name for name in left), left
