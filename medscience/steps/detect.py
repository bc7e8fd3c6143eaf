"""Find antinodes in every frame of a recording."""

import glob
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medscience.steps.options import Memory, Precision, Threads, promised_memory, share_threads

if TYPE_CHECKING:
    import pyarrow as pa

    from medscience.inference.detect import Detector
    from medscience.store.images import StoredImage

log = logging.getLogger(__name__)

PART = 256
"""Frames that are written down together: what a killed run loses is less."""


def detect(
    image: Annotated[Path, typer.Argument(help="an ingested recording")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path, typer.Argument(help="NAME.parquet")],
    memory: Memory = "8G",
    threads: Threads = None,
    precision: Precision = "auto",
) -> None:
    """Write ellipse, rings and their interval of every antinode in every frame.

    What a run that was interrupted has finished is kept: the same command goes on from there.
    """
    import torch

    from medscience.description import file_sha256, find_model
    from medscience.errors import about
    from medscience.inference.detect import detector
    from medscience.inference.engine import precision_of
    from medscience.inference.memory import give_back_freed_memory
    from medscience.models.zoo import load_detector
    from medscience.store.commit import Provenance
    from medscience.store.images import open_image
    from medscience.store.lease import leased

    promised = promised_memory(memory)
    give_back_freed_memory()
    share_threads(threads, 1)
    path = find_model(model)
    found = detector(*load_detector(path), precision_of(precision))
    stored = open_image(image)
    with about(stored.path):
        _check_recording(stored)
        height, width = stored.image.shape[-2:]
        at_once = found.at_once((height, width), promised)
    settings = {"precision": found.precision, "device": "cpu", "threads": torch.get_num_threads()}
    digests = {"image": stored.commit.digest, "model": file_sha256(path)}
    inputs = digests | {
        "run": Provenance("detect", settings, digests).fingerprint,
        "model_name": found.model.name,
    }
    destination.parent.mkdir(parents=True, exist_ok=True)
    with leased(destination):
        if not _is_done(destination, inputs):
            _detect(stored, found, at_once, destination, inputs)


def _check_recording(stored: "StoredImage") -> None:
    """Refuse what is no recording: frames of a camera, one slice deep, in whole numbers."""
    import numpy as np

    from medscience.errors import MismatchError

    image = stored.image
    is_deep = image.meaning.axes != "tzyx" or image.shape[1] != 1 or image.meaning.space == "patient"
    if is_deep or stored.content.is_labels or not np.issubdtype(image.data.dtype, np.unsignedinteger):
        kind = "labels" if stored.content.is_labels else str(image.data.dtype)
        raise MismatchError(
            "DETECT-NOT-A-RECORDING",
            field="image",
            found=f"axes {image.meaning.axes}, shape {image.shape}, {kind}",
            expected="frames of a camera in whole numbers: axes tzyx, one slice deep",
            fix="ingest a video, or a folder of frames",
        )


def _is_done(destination: Path, inputs: dict[str, str]) -> bool:
    """Whether this very table is there already."""
    from medscience.store.tables import read_table

    if not destination.exists() or read_table(destination)[1] != inputs:
        return False
    log.info("%s is there already, with the same inputs and settings", destination)
    return True


def _detect(
    stored: "StoredImage", found: "Detector", at_once: int, destination: Path, inputs: dict[str, str]
) -> None:
    """Find antinodes part by part, each kept until all are there, and write the table."""
    import time

    import pyarrow as pa

    from medscience.detections import SCHEMA
    from medscience.inference.memory import freed_memory_kept
    from medscience.store.files import remove
    from medscience.store.record import circumstances
    from medscience.store.tables import write_table
    from medscience.terminal.progress import shown

    started = time.time()
    folder = destination.with_name(f"{destination.name}.parts-{inputs['run'][:16]}")
    for other in destination.parent.glob(f"{glob.escape(destination.name)}.parts-*"):
        if other != folder:
            remove(other)
    frames = stored.image.shape[0]
    tables = [SCHEMA.empty_table()]
    kept = 0
    with freed_memory_kept(), shown(f"detect {stored.name}") as tell:
        tell(0, frames)
        for first in range(0, frames, PART):
            part, last = folder / f"{first:09d}.parquet", min(first + PART, frames)
            table = _finished(part, inputs)
            kept += table is not None
            if table is None:
                table = _found(stored, found, range(first, last), at_once, lambda done: tell(done, frames))
                write_table(part, table, inputs)
            tables.append(table)
            tell(last, frames)
    together = pa.concat_tables(tables)
    record = {
        "frames": frames,
        "frames_at_once": at_once,
        "parts_kept": kept,
        "warnings": _warnings(stored, found),
    }
    write_table(destination, together, inputs, circumstances(started) | record)
    remove(folder)


def _finished(part: Path, inputs: dict[str, str]) -> "pa.Table | None":
    """Return the table of frames that an interrupted run finished, if it is there and whole."""
    from medscience.errors import StoreError
    from medscience.store.tables import read_table

    try:
        table, made_from = read_table(part)
    except StoreError:
        return None
    return table.replace_schema_metadata(None) if made_from == inputs else None


def _found(
    stored: "StoredImage", found: "Detector", frames: range, at_once: int, tell: Callable[[int], None]
) -> "pa.Table":
    """Return the antinodes of some frames, which are read and looked at a few at a time."""
    from dataclasses import replace

    from medscience.detections import as_table

    image, everything = stored.image, slice(None)
    clock = image.meaning.times(image.shape[0]) if image.meaning.time_step else None
    rows = []
    for first in range(frames.start, frames.stop, at_once):
        some = slice(first, min(first + at_once, frames.stop))
        pictures = image.read((some, slice(0, 1), everything, everything))[:, 0]
        for frame, antinodes in enumerate(found(pictures), start=first):
            time_s = None if clock is None else float(clock[frame])
            rows += [replace(one, frame=frame, time_s=time_s) for one in antinodes]
        tell(some.stop)
    return as_table(rows)


def _warnings(stored: "StoredImage", found: "Detector") -> list[str]:
    """Say what a reader of the table should know."""
    known, shape = found.model.input, stored.image.shape[-2:]
    if shape == (known.height, known.width):
        return []
    words = f"frames of {shape[1]} x {shape[0]} pixels; {found.model.name} learnt from {known.width} x "
    log.warning("%s: %s%d", stored.path, words, known.height)
    return [f"{words}{known.height}"]
