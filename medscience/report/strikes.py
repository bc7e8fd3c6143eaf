"""A struck pan's result by one model: its notes, their motion, frames with what was found in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa

from medscience.antinode import Ellipse
from medscience.config.sheet import Sample
from medscience.description import file_sha256
from medscience.errors import one_line
from medscience.measure.notes import MOTION, NOTES, color_of, ellipses_of, seen_in_frames
from medscience.measure.quality import Flag
from medscience.report.curves import Curve, curves
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
from medscience.store.images import StoredImage, open_image
from medscience.store.tables import read_record

MOMENTS = 3
"""Frames that are shown: when each of the strongest notes is farthest out."""


@dataclass(frozen=True, slots=True)
class Outline:
    """An antinode in a frame of the page."""

    antinode: int
    ellipse: Ellipse
    color: str
    rings: float | None
    """Displacement then; None where it was not found in this frame."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame with what was found in it."""

    time_ms: float
    picture: bytes
    """As WebP."""
    width: int
    height: int
    outlines: tuple[Outline, ...]


@dataclass(frozen=True, slots=True)
class StrikeResult(WithRuns):
    """A recording that one model was run on, from frames to notes."""

    sample: Sample
    model: str
    notes: tuple[Mapping[str, Any], ...]
    """Rows of `medscience.measure.notes.NOTES`."""
    table: pa.Table
    """The same as a table."""
    curves: tuple[Curve, ...]
    moments: tuple[Moment, ...]
    film: str | None
    """Where the annotated film is, from the page; None if there is none."""
    unseen: tuple[str, ...]
    """What could not be measured, and why; one line each."""
    warnings: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def flags(self) -> tuple[Flag, ...]:
        """None: what is doubtful in a strike stands with its notes."""
        return ()

    @property
    def is_heard(self) -> bool:
        """Whether any of the notes was found in a sound."""
        return any(note["audio_frequency_hz"] is not None for note in self.notes)


def read_strike(results: Path, model: str, sample: Sample, most: int) -> StrikeResult:
    """Return a recording's result.

    Parameters
    ----------
    results : Path
        The folder of images, detections, measurements, motion and films.
    most : int
        Bytes that its pictures may take.

    Raises
    ------
    StoreError, MismatchError
        As `medscience.report.results.read_result`.
    """
    path = table_path(results, model, sample.name)
    motion_path = results / f"motion/{model}/{sample.name}.parquet"
    detections = results / f"detections/{model}/{sample.name}.parquet"
    table, stated = read_measurements(path, NOTES, model, sample.name)
    motion, of_motion = read_measurements(motion_path, MOTION, model, sample.name)
    scan = open_image(results / f"images/{sample.name}.ome.zarr")
    for file, told in ((path, stated), (motion_path, of_motion)):
        check_same(file, "image", told.get("image"), scan.commit.digest)
        check_same(file, "detections", told.get("detections"), file_sha256(detections))
    rows = tuple(table.to_pylist())
    blow = float(stated["blow_s"]) if stated.get("blow_s") else None
    film = results / f"films/{model}/{sample.name}.mp4"
    runs = (
        store_run("ingest", scan.commit),
        table_run("detect", {}, read_record(detections)),
        table_run("follow", stated, read_record(path)),
    )
    onsets = {row["antinode"]: row["onset_s"] for row in rows}
    return StrikeResult(
        sample,
        model,
        notes=rows,
        table=table.replace_schema_metadata(),
        curves=tuple(curves(motion.to_pylist(), onsets, blow)),
        moments=tuple(_moments(scan, table, motion, most)),
        film=f"../films/{model}/{sample.name}.mp4" if film.exists() else None,
        unseen=tuple(_unseen(rows, stated, film)),
        warnings=tuple(f"{run.step}: {one_line(line)}" for run in runs for line in run.warnings),
        runs=runs,
    )


def _moments(scan: StoredImage, notes: pa.Table, motion: pa.Table, most: int) -> Iterator[Moment]:
    """Yield the frames in which the strongest notes are farthest out, in the order of time."""
    found = seen_in_frames(motion, scan.image.shape[0])
    ellipses = ellipses_of(notes)
    best: dict[int, tuple[float, int]] = {}
    for frame, places in enumerate(found):
        for antinode, rings in places.items():
            best[antinode] = max(best.get(antinode, (0.0, 0)), (abs(rings), -frame))
    strongest = sorted(best.values(), reverse=True)[:MOMENTS]
    times = scan.image.meaning.times(len(found))
    for frame in sorted({-place for _, place in strongest}):
        pixels = scan.image.read((slice(frame, frame + 1), *[slice(None)] * 3))[0, 0]
        yield Moment(
            float(1e3 * times[frame]),
            still(_picture(pixels), most // MOMENTS),
            pixels.shape[1],
            pixels.shape[0],
            tuple(
                Outline(number, ellipse, color_of(number), found[frame].get(number))
                for number, ellipse in ellipses.items()
            ),
        )


def _picture(pixels: Any) -> PIL.Image.Image:  # noqa: ANN401
    """Return a frame in grey, as bright as its brightest hundredth allows."""
    bright = max(float(np.percentile(pixels, 99.5)), 1.0)
    return PIL.Image.fromarray(np.clip(pixels * (255 / bright), 0, 255).astype(np.uint8)).convert("RGB")


def _unseen(rows: tuple[Mapping[str, Any], ...], stated: Mapping[str, str], film: Path) -> Iterator[str]:
    if "frames_corrected" in stated:
        yield f"a person corrected the ellipses of {stated['frames_corrected']} frames"
    if not rows:
        yield "no antinode was found often enough to be one"
    elif not stated.get("blow_s"):
        yield "the blow is not in the recording, or no note jumps: onsets are less sure, or missing"
    if not stated.get("ring_um"):
        yield "no micrometres: the acquisition file does not give wavelength and both angles"
    for row in rows:
        yield from (f"antinode {row['antinode']}: {line}" for line in _unseen_of(row))
    if int(stated.get("unlinked_detections", "0")):
        yield f"{stated['unlinked_detections']} detections belong to no antinode and were left out"
    if rows:
        yield f"motion of less than about {float(stated['limit_rings']):.2f} rings, which no frame shows"
    if not film.exists():
        yield "no annotated film: see the log of the step film"


def _unseen_of(row: Mapping[str, Any]) -> Iterator[str]:
    if row["frequency_hz"] is None:
        yield f"found in {row['frames_seen']} frames, but its motion cannot be measured"
    elif row["onset_s"] is None:
        yield "no onset, it moves from the first frames on"
    if row["in_frame"] < 0.995:
        yield f"{1 - row['in_frame']:.0%} of it lie outside of the frame"
