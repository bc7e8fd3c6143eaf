"""A small project under review: an image, a model's labels of it, and verdicts."""

import uuid
from datetime import UTC, datetime

import numpy as np
import pytest

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.review.verdict import Shown, Verdict
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged

SHAPE = (40, 70, 130)
"""More than one chunk along two axes."""
AFFINE = as_affine([[0, 0, -0.5, 90], [0, 0.5, 0, -120], [2, 0, 0, 30], [0, 0, 0, 1]])
LABELS = tuple(Label(value=n, name=name, color=(n, n, n)) for n, name in enumerate(("background", "a", "b")))
WHOLE = (slice(None),) * 3


def write(path, voxels, step="test", labels=None, affine=AFFINE, inputs=None, meaning=None):
    """Commit voxels as a store and open it."""
    content = Content.of(meaning or Meaning(Geometry(voxels.shape, affine)), labels=labels)
    with staged(path, Provenance(step, {}, inputs or {})) as staging:
        writer = ImageWriter(staging, content, voxels.shape, voxels.dtype)
        writer.write(tuple(slice(0, n) for n in voxels.shape), voxels)
        writer.finish()
    return open_image(path)


def two_boxes(shape=SHAPE):
    """Labels: a box of 1 and, inside of it, one of 2."""
    voxels = np.zeros(shape, dtype=np.uint8)
    for value, margin in ((1, 5), (2, 12)):
        voxels[tuple(slice(margin, n - margin) for n in shape)] = value
    return voxels


def label_meaning(image, model="tiny"):
    return LabelMeaning(LABELS, image.path.name, image.commit.digest, model, None)


@pytest.fixture
def image(tmp_path):
    """A committed image."""
    voxels = np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.int16)
    return write(tmp_path / "results/images/s1.ome.zarr", voxels)


@pytest.fixture
def labels(tmp_path, image):
    """A model's labels of it."""
    path = tmp_path / "results/labels/tiny/s1.ome.zarr"
    return write(path, two_boxes(), "postprocess", label_meaning(image))


def said(decision="accept", **change):
    """A verdict; what is not given is plausible."""
    parts = {
        "save_id": uuid.uuid4().hex,
        "sample": "s1",
        "model": "tiny",
        "decision": decision,
        "reason": "wrong side" if decision == "reject" else "",
        "reviewer": "ada",
        "time": datetime.now(UTC),
        "seconds": 12.5,
        "shown": Shown("a" * 64, "b" * 64, "c" * 64),
    }
    return Verdict(**parts | change)
