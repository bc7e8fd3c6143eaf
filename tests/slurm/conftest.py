"""A cluster of one node, and a cohort of small heads that runs through it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from scipy.ndimage import gaussian_filter

from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.steps.ingest import ingest
from medscience.steps.measure import measure
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.store.images import open_image
from medscience.testing.phantoms import orientations
from tests.conftest import REPOSITORY, save_tiny_model
from tests.slurm.single_node import SingleNode, why_not

SETTINGS = """\
samples: config/samples.tsv
models:
  brain_mri: [tiny]
memory: 2G
threads: 1
precision: float32
"""


@pytest.fixture(scope="session")
def slurm():
    """A real Slurm; skipped where there can be none, but never in CI."""
    if reason := why_not():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a Slurm: {reason}")
        pytest.skip(reason)
    with SingleNode() as node:
        yield node


class Cohort:
    """A working directory with scans, settings and the tiny model."""

    def __init__(self, folder, scans, settings=SETTINGS):
        self.folder, self.names = folder, [scan.name.removesuffix(".nii.gz") for scan in scans]
        save_tiny_model(folder / "config/models")
        (folder / "config/config.yaml").write_text(settings)
        rows = [f"{name}\tbrain_mri\t{scan}" for name, scan in zip(self.names, scans, strict=True)]
        (folder / "config/samples.tsv").write_text("\n".join(["sample\ttrack\tsource", *rows]) + "\n")

    def start(self, *options):
        """Start the workflow on the cluster."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
        command += ["--workflow-profile", REPOSITORY / "profiles/slurm"]
        command += ["--default-resources", "slurm_partition=main", "--latency-wait", 10]
        command += ["--slurm-init-seconds-before-status-checks", 2, *options]
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(
                [str(part) for part in command], cwd=self.folder, stdout=said, stderr=subprocess.STDOUT
            )

    def said(self):
        return (self.folder / "said.txt").read_text()

    def content(self, results="results"):
        """Return the digest of every store, and every table."""
        found = {}
        for name in self.names:
            for kind in ("images", "predictions/tiny", "labels/tiny"):
                found[kind, name] = open_image(
                    self.folder / results / kind / f"{name}.ome.zarr"
                ).commit.digest
            table = self.folder / results / f"measurements/tiny/{name}.parquet"
            found["measurements", name] = pyarrow.parquet.read_table(table).to_pylist()
        return found

    def run_here(self, monkeypatch):
        """Take every step in this process, into a folder of its own; return the content."""
        monkeypatch.chdir(self.folder)
        rows = [line.split("\t") for line in Path("config/samples.tsv").read_text().splitlines()[1:]]
        for name, _, source in rows:
            at = partial(Path, "local")
            image, labels = at(f"images/{name}.ome.zarr"), at(f"labels/tiny/{name}.ome.zarr")
            prediction = at(f"predictions/tiny/{name}.ome.zarr")
            ingest(Path(source), image)
            predict(image, "tiny", prediction, memory="2G", threads=1, precision="float32")
            postprocess(prediction, "tiny", labels)
            measure(labels, image, at(f"measurements/tiny/{name}.parquet"))
        return self.content("local")


def clouds(folder, count):
    """Write clouds: what a random network answers to them is as good as any head's."""
    grid = orientations((40, 40, 40), (1.0, 1.0, 1.0))[0]
    for seed in range(count):
        noise = np.random.default_rng(seed).random(grid.shape, dtype=np.float32)
        image = Image(gaussian_filter(noise, 2), Meaning(grid))
        write_nifti(image, folder / f"s{seed}.nii.gz", is_labels=False, form_code=1)
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    return clouds(tmp_path_factory.mktemp("scans"), 3)


@pytest.fixture
def cohort(tmp_path, scans):
    return Cohort(tmp_path, scans)


@pytest.fixture
def medscience():
    """Return a function that runs our command line as a user does."""

    def run(folder, *arguments):
        command = [sys.executable, "-m", "medscience", "--log-level", "warning", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run
