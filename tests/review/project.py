"""A project small enough to review: two samples of one model, from images to tables, without a network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medscience.description import file_sha256
from medscience.review.corrections import next_correction, save_correction
from medscience.review.drafts import open_draft
from medscience.review.ledger import Ledger
from medscience.review.verdict import Shown
from medscience.steps.measure import measure
from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.review.conftest import label_meaning, said, two_boxes, write

MODEL = "demo-head"


@dataclass(frozen=True)
class Project:
    """A folder with results, as the workflow lays them out."""

    folder: Path

    @property
    def results(self):
        return self.folder / "results"

    @property
    def corrections(self):
        return self.folder / "corrections"

    @property
    def ledger(self):
        return self.corrections / "ledger.db"

    def labels(self, sample):
        return open_image(self.results / f"labels/{MODEL}/{sample}.ome.zarr")

    def add(self, sample, voxels=None):
        """Make a sample's stores and table."""
        voxels = two_boxes() if voxels is None else voxels
        random = np.random.default_rng(len(sample))
        scan = (random.integers(0, 99, voxels.shape) + 300 * voxels.astype(np.int16)).astype(np.int16)
        image = write(self.results / f"images/{sample}.ome.zarr", scan)
        place = f"{MODEL}/{sample}.ome.zarr"
        raw = write(self.results / "predictions" / place, voxels, "predict", label_meaning(image, MODEL))
        inputs = {"prediction": raw.commit.digest}
        meaning = label_meaning(image, MODEL)
        write(self.results / "labels" / place, voxels, "postprocess", meaning, inputs=inputs)
        self.measure(sample)

    def measure(self, sample, *options):
        measure(
            self.results / f"labels/{MODEL}/{sample}.ome.zarr",
            self.results / f"images/{sample}.ome.zarr",
            self.results / f"measurements/{MODEL}/{sample}.parquet",
            None,
            *options,
        )

    def shown(self, sample):
        labels = self.labels(sample)
        model = file_sha256(REPOSITORY / f"config/models/{MODEL}.yaml")
        return Shown(labels.content.labels.image_digest, labels.commit.digest, model)

    def say(self, sample, decision="accept", **change):
        parts = {"sample": sample, "model": MODEL, "shown": self.shown(sample)}
        with Ledger(self.ledger) as ledger:
            return ledger.save(said(decision, **parts | change))

    def draw(self, sample, region, value, reviewer="ada"):
        """Commit a correction, and say nothing of it yet."""
        who = {"model": MODEL, "sample": sample, "reviewer": reviewer}
        with open_draft(self.corrections, self.labels(sample), **who) as draft:
            draft.write(region, value)
            correction = save_correction(draft, next_correction(self.corrections, MODEL, sample))
            draft.discard()
        return correction

    def correct(self, sample, region, value, reviewer="ada", **change):
        correction = self.draw(sample, region, value, reviewer)
        self.say(sample, "accept-with-edits", correction=correction, reviewer=reviewer, **change)
        return self.corrections / correction.path

    def configure(self, samples, columns="sample\ttrack\tsource", **cells):
        """Write the settings and the sheet."""
        (self.folder / "config").mkdir(exist_ok=True)
        more = "".join(f"\t{cell}" for cell in cells.values())
        rows = [f"{name}\tbrain_mri\tscans/{name}.nii.gz{more}" for name in samples]
        header = columns + "".join(f"\t{name}" for name in cells)
        (self.folder / "config/samples.tsv").write_text("\n".join([header, *rows]) + "\n")
        (self.folder / "config/config.yaml").write_text(
            f"samples: config/samples.tsv\nmodels:\n  brain_mri: [{MODEL}]\n"
        )
        return Path("config/config.yaml")
