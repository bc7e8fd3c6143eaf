"""A breathing chest's result by one model: phases before and after, beside the truth where it is known."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
from numpy.typing import NDArray

from medscience.config.sheet import Sample
from medscience.errors import one_line
from medscience.measure.phases import ASSESSED
from medscience.measure.quality import Flag
from medscience.report.pictures import still
from medscience.report.results import (
    Run,
    WithRuns,
    check_same,
    read_measurements,
    store_run,
    table_path,
    table_run,
)
from medscience.store.commit import commit_path
from medscience.store.images import StoredImage, open_image

SHOWN = 5
"""Phases that are printed; the loop has all."""
WINDOW = (-1000.0, 300.0)
"""Hounsfield units that are black and white."""
AIR = -950.0
"""Hounsfield units below which a voxel is outside of the body."""
DIFFERENCE = 400.0
"""Hounsfield units on either side of grey in a picture of differences."""
BREATH_MS = 4000
"""How long the loop shows a breath."""
TALLEST = 120
"""Pixels of a slice in the loop, at most."""

AGAIN = "reconstruct again"
"""Name of a run that begins a later round."""
FIT = "fit"
"""Name of a run that fits what was restored to the projections."""

Slices = NDArray[np.floating]
"""Coronal slices of phases, (T, Z, X), the head up and the patient's right on the left."""


@dataclass(frozen=True, slots=True)
class Row:
    """The mean over the phases of what a region's numbers say."""

    region: str
    numbers: Mapping[str, float | None]
    """By column of `ASSESSED`."""


@dataclass(frozen=True, slots=True)
class BreathResult(WithRuns):
    """Phases that one model restored."""

    sample: Sample
    model: str
    phases: int
    method: str | None
    """How they were reconstructed, if that is known."""
    has_truth: bool
    rows: tuple[Row, ...]
    motion: Mapping[str, float]
    """Numbers of all phases together."""
    picture: bytes
    """As WebP: rows are given, restored, truth and difference; columns are phases."""
    loop: bytes
    """As an animated WebP: given, restored and truth side by side."""
    warnings: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def flags(self) -> tuple[Flag, ...]:
        """None: what is doubtful stands with the picture."""
        return ()


def read_breath(results: Path, model: str, sample: Sample, most: int) -> BreathResult:
    """Return a breathing chest's result.

    Parameters
    ----------
    results : Path
        The folder of images, restored images, references and measurements.
    most : int
        Bytes that its pictures may take.

    Raises
    ------
    StoreError, MismatchError
        As `medscience.report.results.read_result`.
    """
    path = table_path(results, model, sample.name)
    table, stated = read_measurements(path, ASSESSED, model, sample.name)
    given = open_image(results / f"images/{sample.name}.ome.zarr")
    restored = open_image(results / f"restored/{model}/{sample.name}.ome.zarr")
    truth = open_image(results / f"references/{sample.name}.ome.zarr") if "truth" in stated else None
    made = _made(results, model, given, restored)
    shown = {"image": given, "restored": restored} | ({"truth": truth} if truth else {})
    for role, stored in shown.items():
        check_same(path, role, stated.get(role), stored.commit.digest)
    place = 0.5 if truth is None else _widest(truth)
    slices = [coronal(stored, place) for stored in shown.values()]
    first = "reconstruct" if given.content.source.get("format") == "reconstruction" else "ingest"
    runs = (
        store_run(first, given.commit),
        *made,
        table_run("assess", stated, {}),
    )
    return BreathResult(
        sample,
        model,
        phases=given.image.shape[0],
        method=given.reconstruction,
        has_truth=truth is not None,
        rows=tuple(_rows(table)),
        motion=json.loads(stated.get("motion", "{}")),
        picture=still(montage(slices), most // 2),
        loop=animated(slices, most // 2),
        warnings=tuple(
            dict.fromkeys(f"{run.step}: {one_line(line)}" for run in runs for line in run.warnings)
        ),
        runs=runs,
    )


def _made(results: Path, model: str, given: StoredImage, restored: StoredImage) -> tuple[Run, ...]:
    """Return the runs of all rounds, and of the fit; check that all were made from each other."""
    name, runs = given.path.name, []
    rounds = sorted(results.glob("rounds/[2-9]"), reverse=True)
    if restored.commit.provenance.step == "reconstruct":
        runs.append(store_run(FIT, restored.commit))
        start = restored.commit.provenance.inputs.get("restored", "")
        stores = results.glob(f"rounds/[1-9]/restored/{model}/{commit_path(Path(name))}")
        found = {store.commit.digest: store for store in map(open_image, stores)}
        check_same(restored.path, "restored", start, start if start in found else "no round")
        restored = found[start]
    runs.append(store_run("predict", restored.commit))
    image = restored.commit.provenance.inputs.get("image")
    for folder in rounds if image != given.commit.digest else ():
        seen = folder / "images" / model / name
        if not commit_path(seen).exists():
            continue
        again = open_image(seen)
        before = open_image(folder.with_name(str(int(folder.name) - 1)) / "restored" / model / name)
        for made, role, source in ((restored, "image", again), (again, "restored", before)):
            check_same(made.path, role, made.commit.provenance.inputs.get(role), source.commit.digest)
        runs += [store_run(AGAIN, again.commit), store_run("predict", before.commit)]
        restored = before
    check_same(restored.path, "image", restored.commit.provenance.inputs.get("image"), given.commit.digest)
    return tuple(reversed(runs))


def coronal(stored: StoredImage, place: float) -> Slices:
    """Return a coronal slice of each phase, `place` of the way from the back to the front."""
    turn = stored.image.geometry.reorientation("IAL")
    image = stored.image.turned(turn)
    y = min(int(place * image.shape[2]), image.shape[2] - 1)
    everything = slice(None)
    return np.asarray(image.read((everything, everything, slice(y, y + 1), everything))[:, :, 0], np.float32)


def _widest(truth: StoredImage) -> float:
    """Where the truth moves most within the body, from the back to the front."""
    image = truth.image.turned(truth.image.geometry.reorientation("IAL"))
    first, opposite = (
        image.read((slice(t, t + 1), *[slice(None)] * 3))[0].astype(np.float32)
        for t in (0, image.shape[0] // 2)
    )
    inside = np.minimum(first, opposite) > AIR
    moved = np.where(inside, np.abs(opposite - first), 0).mean(axis=(0, 2))
    return (int(moved.argmax()) + 0.5) / len(moved)


def montage(slices: list[Slices]) -> PIL.Image.Image:
    """Return phases side by side: given, restored and, where it is known, the truth, and what is wrong."""
    phases = np.linspace(0, len(slices[0]), SHOWN, endpoint=False).astype(int)
    rows = [np.concatenate(list(_grey(one[phases], *WINDOW)), axis=1) for one in slices]
    if len(slices) > 2:
        wrong = (slices[1] - slices[2])[phases]
        rows.append(np.concatenate(list(_grey(wrong, -DIFFERENCE, DIFFERENCE)), axis=1))
    return PIL.Image.fromarray(np.concatenate(rows, axis=0))


def animated(slices: list[Slices], most: int) -> bytes:
    """Return a loop of one breath as WebP, as good as it can be in so many bytes."""
    side_by_side = np.concatenate([_grey(one, *WINDOW) for one in slices], axis=2)
    frames = [PIL.Image.fromarray(frame) for frame in side_by_side]
    scale = min(TALLEST / frames[0].height, 2.0)
    size = (round(frames[0].width * scale), round(frames[0].height * scale))
    frames = [frame.resize(size, PIL.Image.Resampling.LANCZOS) for frame in frames]
    content = b""
    for quality in (80, 60, 40, 20):
        file = io.BytesIO()
        length = BREATH_MS // len(frames)
        frames[0].save(
            file, "webp", save_all=True, append_images=frames[1:], duration=length, loop=0, quality=quality
        )
        content = file.getvalue()
        if len(content) <= most:
            break
    return content


def _grey(values: Slices, low: float, high: float) -> NDArray[np.uint8]:
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255, np.uint8)


def _rows(table: pa.Table) -> list[Row]:
    """The mean over the phases of each region's numbers."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["region"], []).append(row)
    names = [name for name in ASSESSED.names if name.endswith(("_hu", "ssim", "_mm"))]
    return [
        Row(region, {name: _mean([row[name] for row in rows]) for name in names})
        for region, rows in found.items()
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
