"""A cohort small enough to read: two samples, one model, two labels."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.measure.metrics import dice
from medscience.measure.regions import measure_regions, table
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.record import circumstances
from medscience.store.staging import staged
from medscience.store.tables import write_table

GEOMETRY = Geometry((12, 14, 16), as_affine(np.diag([8.0, 4.0, 4.0, 1.0])[[2, 1, 0, 3]]))
ONE_MILLIMETRE = as_affine(np.eye(4)[[2, 1, 0, 3]])
NAMES = (
    Label(value=0, name="background", color=(0, 0, 0)),
    Label(value=1, name="White Matter", color=(240, 240, 240)),
    Label(value=2, name="Lesion", color=(220, 30, 30)),
)


@dataclass(frozen=True)
class Folder:
    """Where a cohort's results lie, and how a test fills it."""

    results: Path

    @property
    def models(self) -> Path:
        return self.results.parent / "models"

    def digest(self, place):
        return open_image(self.results / f"{place}.ome.zarr").commit.digest

    def ingest(self, sample, record=None, values=None):
        if values is None:
            values = np.random.default_rng(len(sample)).integers(0, 200, GEOMETRY.shape, dtype=np.uint8)
        path = self.results / f"images/{sample}.ome.zarr"
        write_store(path, values, Content.of(Meaning(grid_of(values))), "ingest", record)

    def segment(self, sample, model="net", caution=None, names=NAMES, labels=None, image=None):
        labels = two_labels() if labels is None else labels
        digest = self.digest(f"images/{image or sample}")
        meaning = LabelMeaning(names, sample, digest, model, caution)
        content = Content.of(Meaning(grid_of(labels)), labels=meaning)
        place = f"predictions/{model}/{sample}"
        write_store(self.results / f"{place}.ome.zarr", labels, content, "predict")
        inputs = {"prediction": self.digest(place)}
        path = self.results / f"labels/{model}/{sample}.ome.zarr"
        write_store(path, labels, content, "postprocess", inputs=inputs)

    def measure(self, sample, model="net", reference=None, quality=None):
        labels = open_image(self.results / f"labels/{model}/{sample}.ome.zarr")
        image = open_image(self.results / f"images/{sample}.ome.zarr").image
        names = labels.content.labels.labels
        truth = None if reference is None else Image(reference, image.meaning)
        overlaps = dice(labels.image, truth, names) if truth else {}
        regions = measure_regions(labels.image, image, names)
        rows = table(sample, model, regions, overlaps)
        path = self.results / f"measurements/{model}/{sample}.parquet"
        stated = {"quality": quality.to_json()} if quality else {}
        write_table(path, rows, {"labels": labels.commit.digest, **stated}, circumstances(time.time()))

    def finish(self, sample, model="net"):
        self.ingest(sample)
        self.segment(sample, model)
        self.measure(sample, model)

    def fail(self, step, sample, line, model=None):
        path = self.results.joinpath("failed", step, model or "", f"{sample}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"step": step, "sample": sample, "model": model, "line": line}))


def grid_of(array):
    """The grid of the small cohort, or 1 mm for any other array."""
    return GEOMETRY if array.shape == GEOMETRY.shape else Geometry(array.shape, ONE_MILLIMETRE)


def write_store(path, array, content, step, record=None, inputs=None):
    with staged(path, Provenance(step, {}, inputs or {"source": path.name})) as staging:
        writer = ImageWriter(staging, content, array.shape, array.dtype)
        writer.write(tuple(slice(0, n) for n in array.shape), array)
        writer.finish()
        staging.record.update(record or {})


def two_labels():
    labels = np.zeros(GEOMETRY.shape, dtype=np.uint8)
    labels[3:9, 4:10, 5:11] = 1
    labels[5, 5, 6] = 2
    return labels


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "results")


@pytest.fixture
def cohort_of():
    """Return a cohort of samples given by name, for some models."""

    def build(*names, models=("net",), **columns):
        samples = tuple(Sample(name=n, track="brain_mri", source="x", **columns) for n in names)
        settings = Settings(samples=Path("samples.tsv"), models=Models(brain_mri=models))
        return Cohort(settings=settings, samples=samples)

    return build
