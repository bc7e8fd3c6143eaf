"""Committed stores to open, and viewers without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged

UPRIGHT = as_affine(np.diag([1.0, 2.0, 3.0, 1.0])[:, [2, 1, 0, 3]])
"""3, 2 and 1 mm along (z, y, x), first voxel at 0."""

TISSUES = (
    Label(value=0, name="background", color=(0, 0, 0)),
    Label(value=3, name="Grey Matter", color=(205, 62, 78)),
    Label(value=41, name="White Matter", color=(0, 255, 0)),
)


def write(
    path, array, affine=UPRIGHT, *, step="ingest", time_step=None, meaning=None, inputs=None, **content
):
    """Write an array (Z, Y, X) or (T, Z, Y, X) and commit it; return its path."""
    geometry = Geometry(array.shape[-3:], affine)
    meaning = meaning or Meaning(geometry, "zyx" if array.ndim == 3 else "tzyx", time_step=time_step)
    with staged(path, Provenance(step, {}, inputs or {"source": str(array.sum())})) as staging:
        writer = ImageWriter(staging, Content.of(meaning, **content), array.shape, array.dtype)
        for region in regions(writer.shape, writer.shards):
            writer.write(region, array[region])
        writer.finish()
    return path


def tissues(image_name="x.ome.zarr", image_digest="0", model="net"):
    """What label 3 and 41 mean."""
    return LabelMeaning(TISSUES, image_name, image_digest, model)


@pytest.fixture(scope="session")
def write_store():
    """Return the function that writes an array and commits it."""
    return write


@pytest.fixture(scope="session")
def meaning_of_labels():
    """Return the function that makes the meaning of labels."""
    return tissues


def write_run(folder, samples, *, unit="HU", affine=UPRIGHT):
    """Write images, predictions and labels, `{sample: (image, labels)}`, as the workflow leaves them."""
    for name, (image, labels) in samples.items():
        geometry = Geometry(image.shape[-3:], affine)
        axes, step = ("zyx", None) if image.ndim == 3 else ("tzyx", 0.4)
        meaning = Meaning(geometry, axes, unit, step)
        results = folder / "results"
        scan = write(results / "images" / f"{name}.ome.zarr", image, affine, meaning=meaning)
        known = tissues(scan.name, read_commit(scan).digest)
        raw = np.zeros(labels.shape, [("label", labels.dtype), ("confidence", np.uint8)])
        raw["label"], raw["confidence"] = labels, 200
        target = results / "predictions" / "net" / f"{name}.ome.zarr"
        write(target, raw, affine, step="predict", labels=known, inputs={"model": "a" * 64})
        made = {"prediction": read_commit(target).digest}
        target = results / "labels" / "net" / f"{name}.ome.zarr"
        write(target, labels, affine, step="postprocess", labels=known, inputs=made)
    return folder


@pytest.fixture(scope="session")
def make_run():
    """Return the function that writes a run."""
    return write_run


@pytest.fixture
def viewer():
    """Return a viewer without a window that knows the installed plugins."""
    PluginManager.instance().discover()
    return ViewerModel()


@pytest.fixture
def messages(monkeypatch):
    """Return what napari would show the user, in a list that grows."""
    shown = []
    for show in ("show_error", "show_info", "show_warning"):
        monkeypatch.setattr(f"napari_medscience.reader.{show}", shown.append)
    return shown
