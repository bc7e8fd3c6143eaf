"""Follow antinodes through time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from medscience.config.acquisition import Recording
    from medscience.measure.linking import Detections
    from medscience.measure.strike import Strike
    from medscience.store.images import StoredImage


def follow(
    detections: Annotated[Path, typer.Argument(help="the table that `detect` wrote")],
    image: Annotated[Path, typer.Argument(help="the recording that they were found in")],
    notes: Annotated[Path, typer.Argument(help="NAME.parquet: a row for each antinode")],
    motion: Annotated[Path, typer.Argument(help="NAME.parquet: a row for each antinode and moment")],
    audio: Annotated[Path | None, typer.Option(help="a WAV file of the same strike")] = None,
    correction: Annotated[
        Path | None, typer.Option(help="what a person made of the table: followed in its place")
    ] = None,
) -> None:
    """Write where each note of a struck drum lies, and how it moves: frequency, onset, rise, decay, lags."""
    import time

    from medscience.description import file_sha256
    from medscience.errors import about
    from medscience.measure.notes import motion_table, notes_table
    from medscience.measure.strike import follow as follow_detections
    from medscience.store.images import open_image
    from medscience.store.record import circumstances
    from medscience.store.tables import read_table, write_table

    started = time.time()
    scan = open_image(image)
    recording = _recording(scan)
    table, stated = read_table(detections)
    found = _detections(detections, table, stated, scan)
    edits: dict[str, str] = {}
    if correction:
        found, edits = _corrected(correction, table, scan)
    meaning = scan.image.meaning
    step = 1 / recording.frame_rate_hz
    places = (meaning.times(scan.image.shape[0]) / step).round().astype(int).tolist()
    with about(correction or detections):
        strike = follow_detections(found, places, step)
    inputs = {"detections": file_sha256(detections), "image": scan.commit.digest} | edits
    heard: dict[int, Any] = {}
    if audio:
        heard, offset = _listen(strike, audio)
        inputs |= {"audio": file_sha256(audio), "audio_offset_s": offset}
    owner = (notes.stem, stated.get("model_name", ""))
    facts = inputs | _facts(strike, recording)
    record = circumstances(started)
    _, _, height, width = scan.image.shape
    write_table(motion, motion_table(owner, strike, recording.ring_um), facts, record)
    write_table(notes, notes_table(owner, strike, (height, width), recording.ring_um, heard), facts, record)


def _recording(scan: "StoredImage") -> "Recording":
    """Return how the frames were recorded: the acquisition file, as ingest kept it."""
    from medscience.config.acquisition import Recording
    from medscience.errors import MismatchError

    kept = scan.content.source.get("recording")
    if not kept or not scan.image.meaning.time_step:
        raise MismatchError(
            "FOLLOW-FRAME-RATE",
            file=scan.path,
            field="frame rate",
            found=f"none, axes {scan.image.meaning.axes}",
            expected="a recording that was ingested with frame_rate_hz",
            fix="ingest it with an acquisition file: --acquisition, or the column of the sheet",
        )
    return Recording.model_validate(kept)


def _detections(path: Path, table: Any, stated: dict[str, str], scan: "StoredImage") -> "Detections":  # noqa: ANN401
    from medscience.detections import SCHEMA
    from medscience.errors import MismatchError

    if not table.schema.remove_metadata().equals(SCHEMA):
        raise MismatchError(
            "FOLLOW-TABLE",
            file=path,
            field="columns",
            found=table.schema.names,
            expected=f"{SCHEMA.names}, as detect writes them",
            fix="name a table of detections",
        )
    if stated.get("image") not in (None, scan.commit.digest):
        raise MismatchError(
            "FOLLOW-IMAGE",
            file=path,
            field="image digest",
            found=f"detections in another image ({stated['image'][:12]})",
            expected=f"detections in {scan.path} ({scan.commit.digest[:12]})",
            fix="detect in this image, or name the image that the detections belong to",
        )
    return _as_arrays(table)


def _corrected(correction: Path, table: Any, scan: "StoredImage") -> "tuple[Detections, dict[str, str]]":  # noqa: ANN401
    """Return the ellipses as a person left them, and what the tables say of that."""
    from medscience.description import file_sha256
    from medscience.detections import frames_that_differ
    from medscience.review.ellipses import read_ellipses

    theirs = read_ellipses(correction, scan.commit.digest)
    changed = len(frames_that_differ(table, theirs))
    return _as_arrays(theirs), {"correction": file_sha256(correction), "frames_corrected": str(changed)}


def _as_arrays(table: Any) -> "Detections":  # noqa: ANN401
    import numpy as np

    from medscience.detections import SCHEMA
    from medscience.measure.linking import Detections

    column = {name: np.asarray(table[name], dtype=float) for name in SCHEMA.names if name != "time_s"}
    return Detections(
        column["frame"].astype(np.int64),
        np.stack([column[name] for name in ("x", "y", "a", "b", "angle")], axis=1),
        *(column[name] for name in ("rings", "rings_low", "rings_high", "score")),
    )


def _listen(strike: "Strike", audio: Path) -> tuple[dict[int, Any], str]:
    from medscience.errors import MismatchError
    from medscience.ingest.sound import read_sound
    from medscience.measure.sound import listen

    heard = listen(strike, *read_sound(audio))
    if heard is None:
        raise MismatchError(
            "FOLLOW-AUDIO",
            file=audio,
            field="the blow",
            found="no blow in the frames",
            expected="a recording that begins at rest, to be aligned with the sound",
            fix="leave the sound out, or record from before the blow on",
        )
    return heard.notes, f"{heard.offset_s:.7f}"


def _facts(strike: "Strike", recording: "Recording") -> dict[str, str]:
    """Return what is said of the whole strike beside its rows."""
    blow = "" if strike.blow_s is None else f"{strike.blow_s:.7f}"
    ring = "" if recording.ring_um is None else f"{recording.ring_um:.6g}"
    return {
        "blow_s": blow,
        "ring_um": ring,
        "limit_rings": f"{strike.limit:.4g}",
        "unlinked_detections": str(strike.unlinked),
    }
