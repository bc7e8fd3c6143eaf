"""What all parts of a run share: the scans, the published models, how often and with how many threads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

import nibabel as nib
import numpy as np

from medscience.steps.ingest import ingest
from medscience.steps.models import brainchop
from tests.bench.rounds import Run, run

SAMPLES = Path(os.environ.get("MEDSCIENCE_SAMPLES", "../shared/data"))
WHOLE = 256
"""Voxels along each side of the scan."""
NOISE = 12
"""Largest brightness that the noisy scan's air gets, of 255."""


@dataclass(frozen=True)
class Setting:
    """The setting of a run; scans, models and answers are made when they are first asked for."""

    folder: Path
    """Takes all that is written on the way."""
    size: int
    """Voxels along each side of the scan, cut out around the middle of the head."""
    threads: int
    rounds: int
    _numbers: count = field(default_factory=count)

    @cached_property
    def scan(self) -> Path:
        """The real T1 scan, with air of exactly zero around the head."""
        return self._ingested("scan", self._crop)

    @cached_property
    def noisy(self) -> Path:
        """The same scan with noise wherever it is zero, as scanners give it."""
        noise = np.random.default_rng(0).integers(1, NOISE + 1, self._crop.shape, dtype=np.uint8)
        return self._ingested("noisy", np.where(self._crop == 0, noise, self._crop))

    def model(self, name: str, *, skips: bool = False) -> Path:
        """Return the model file of published weights; a part of the scan is not padded to a cube again.

        All of a scan is computed, unless background may be copied (`skips`).
        """
        path = self.folder / ("copying" if skips else "models") / f"{name}.yaml"
        if not path.exists():
            brainchop(SAMPLES / "meshnet" / name, name, path.parent)
            text = path.read_text("utf-8")
            if self.size < WHOLE:
                text = text.replace("grid: conformed", "grid: own")
            if not skips:
                text = text.replace("skip_background: true", "skip_background: false")
            path.write_text(text, "utf-8")
        return path

    def plain(self, model: str) -> Run:
        """Run the module as PyTorch gives it on the scan."""
        labels = self.folder / f"{model}.npy"
        return run("plain", labels, **self.shared(model))

    def answer(self, model: str) -> Path:
        """Return the labels that the last plain run gave: float32, whole volume."""
        labels = self.folder / f"{model}.npy"
        return labels if labels.exists() else self.plain(model).labels

    def ours(self, model: str, precision: str = "auto") -> Run:
        """Run our predict on the scan, from store to store."""
        return run("stored", self.fresh(), **self.shared(model), precision=precision)

    def shared(self, model: str) -> dict[str, object]:
        """Return the arguments that all sides have."""
        return {"image": self.scan, "model": self.model(model), "threads": self.threads}

    @cached_property
    def rates(self) -> Mapping[str, float]:
        """What the machine can do in this run, with as many threads."""
        return run("roof", threads=self.threads).found

    def fresh(self) -> Path:
        """Return the name of a store that nobody has written yet."""
        return self.folder / f"made-{next(self._numbers)}.ome.zarr"

    @cached_property
    def _source(self) -> nib.Nifti1Image:
        scan = nib.load(SAMPLES / "t1/t1_crop.nii.gz")
        middle = np.argwhere(np.asarray(scan.dataobj)).mean(axis=0).astype(int).tolist()
        ends = [max(n - self.size, 0) for n in scan.shape]
        starts = [min(max(m - self.size // 2, 0), end) for m, end in zip(middle, ends, strict=True)]
        return scan.slicer[tuple(slice(start, start + self.size) for start in starts)]

    @cached_property
    def _crop(self) -> np.ndarray:
        return np.asarray(self._source.dataobj)

    def _ingested(self, name: str, voxels: np.ndarray) -> Path:
        source, store = self.folder / f"{name}.nii.gz", self.folder / f"{name}.ome.zarr"
        nib.save(nib.Nifti1Image(voxels, self._source.affine, self._source.header), source)
        ingest(source, store)
        return store
