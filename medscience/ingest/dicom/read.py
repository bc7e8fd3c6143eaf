"""DICOM series: from a folder, a zip archive, a DICOMDIR or one file with many frames."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Series
from medscience.config.yaml import read_yaml
from medscience.description import file_sha256
from medscience.errors import InputError, about
from medscience.image import Meaning
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.files import find_files
from medscience.ingest.dicom.form import Form, read_form
from medscience.ingest.dicom.geometry import stack
from medscience.ingest.dicom.header import Frame, read_frames
from medscience.ingest.dicom.pixels import Reader, check_pixels, slabs
from medscience.ingest.dicom.privacy import facts, flags
from medscience.ingest.dicom.resample import resampled
from medscience.ingest.dicom.series import choose_series, without_copies
from medscience.ingest.dicom.stack import Stack
from medscience.ingest.source import Repair, Source, unused

AIR = -1024
"""Hounsfield units outside of what a CT shows."""


def open_dicom(path: Path, acquisition: Path | None = None, choices: Choices | None = None) -> Source:
    """Open a DICOM series, of one volume or of volumes in time.

    Parameters
    ----------
    path : Path
        A folder, a ``.zip``, a DICOMDIR or a DICOM file.
    acquisition : Path, optional
        Says how volumes in time follow each other, where the headers do not.
    choices : Choices, optional
        What to do where the series leaves a question open; by default it is refused.

    Returns
    -------
    Source
        A volume (Z, Y, X), or several in time, in RAS+ millimetres: index [k, j, i] is slice, row, column,
        slices sorted along their normal. Stored numbers are scaled slice by slice, those of CT to Hounsfield
        units; whole numbers stay whole where slope and intercept are.

    Raises
    ------
    InputError
        If the files make no volume, or more than one; the file and the attribute at fault are named.
        Compressed pixels are checked when they are read.
    """
    repairs: list[Repair] = []
    placed, forms = _placed(path, choices or Choices(), repairs)
    in_time = len(placed.volumes) > 1
    step = _time_step(placed.frames[0], acquisition, repairs, in_time=in_time)
    reader = Reader(placed.every, forms)
    unit, padding = _unit(placed.frames[0], repairs), _padding(placed.every, forms)
    if any(form.inverse for form in forms.values()):
        repairs.append(
            Repair(
                "DICOM-MONOCHROME1", "PhotometricInterpretation", "small numbers are bright", "kept as stored"
            )
        )
    repairs = _each_once(repairs)
    return Source(
        Meaning(placed.geometry, "tzyx" if in_time else "zyx", value_unit=unit, time_step=step),
        reader.dtype,
        _digest(path, placed.every),
        facts(placed.frames[0], padding),
        partial(_slabs, placed, reader, unit, padding, repairs),
        repairs,
        len(placed.volumes),
    )


def read_slices(path: Path, choices: Choices) -> tuple[str, Stack]:
    """Return a series' digest, as its store states it, and its slices in the order of the volume.

    Parameters
    ----------
    path : Path
        As for `open_dicom`.
    choices : Choices
        As they were made when it was brought in.

    Raises
    ------
    InputError
        If the files make no volume, or more than one.
    """
    placed, _ = _placed(path, choices, [])
    return _digest(path, placed.every), placed


def _placed(path: Path, choices: Choices, repairs: list[Repair]) -> tuple[Stack, dict[int, Form]]:
    """Return the slices of a series in their order, and the form of each instance by its `id`."""
    found = find_files(path)
    instances = choose_series(path, found, choices)
    repairs += [*found.repairs, *flags(instances)]
    forms: dict[int, Form] = {}
    frames: list[Frame] = []
    for one in instances:
        with about(one.file.name):
            forms[id(one)] = read_form(one)
            check_pixels(one, forms[id(one)], repairs)
            frames += read_frames(one, unscaled="no-rescale" in choices.accept)
        repairs += one.content.repairs
    return stack(path, without_copies(frames, repairs), forms, choices, repairs), forms


def _time_step(
    frame: Frame, acquisition: Path | None, repairs: list[Repair], *, in_time: bool
) -> float | None:
    """Seconds from volume to volume, if someone says them; phases have none."""
    told = read_yaml(acquisition, Series) if acquisition else None
    if not in_time:
        if told:
            raise unused(acquisition, "a single volume")
        return None
    said = frame.values.loose("TemporalResolution")
    if told:
        before = f"{said:g} ms" if said else "none"
        after = "phases" if told.phases else f"{told.time_step_s:g} s"
        repairs.append(Repair("DICOM-TIME", "TemporalResolution", before, f"{after}, as told"))
        return told.time_step_s
    if said and said > 0:
        return said / 1000
    repairs.append(Repair("DICOM-TIME", "TemporalResolution", "none", "volumes in order, of unknown times"))
    return None


def _unit(frame: Frame, repairs: list[Repair]) -> str | None:
    """Hounsfield units, where the header says so."""
    if frame.instance.modality != "CT":
        return None
    if not frame.values.has("RescaleSlope"):
        repairs.append(Repair("DICOM-NO-RESCALE", "RescaleSlope", "none", "stored numbers, of no unit"))
        return None
    if frame.values.code("RescaleType") not in ("", "HU"):
        repairs.append(Repair("DICOM-UNIT-OTHER", "RescaleType", "not HU", "numbers of no unit"))
        return None
    return "HU"


def _padding(frames: list[Frame], forms: dict[int, Form]) -> tuple[float, float] | None:
    """Lowest and highest scaled number that stands for no picture, if it is the same for all slices."""
    ends = {
        (frame.slope * form.padding[0] + frame.intercept, frame.slope * form.padding[1] + frame.intercept)
        for frame in frames
        if (form := forms[id(frame.instance)]).padding
    }
    return min(ends) if len(ends) == 1 else None


def _each_once(repairs: list[Repair]) -> list[Repair]:
    """One note for what many files have in common."""
    groups: dict[tuple[str, str], list[Repair]] = defaultdict(list)
    for repair in repairs:
        groups[repair.code, repair.field].append(repair)
    return [
        group[0]
        if len(group) == 1
        else replace(group[0], before=f"{group[0].before} (the first of {len(group)})")
        for group in groups.values()
    ]


def _digest(path: Path, frames: list[Frame]) -> str:
    """The file's own digest, or that of the digests of a folder's files, whatever their names and order."""
    files = {frame.instance.file.name: frame.instance.file for frame in frames}.values()
    if path.is_file() and any(file.path == path for file in files):
        return file_sha256(path)
    digests = sorted({file.sha256() for file in files})
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _slabs(
    placed: Stack,
    reader: Reader,
    unit: str | None,
    padding: tuple[float, float] | None,
    repairs: list[Repair],
    thickness: int,
) -> Iterator[NDArray[Any]]:
    """Yield the voxels a few slices at a time; at the end, no file may be another than at the beginning."""
    least = np.iinfo(reader.dtype).min if reader.dtype.kind in "iu" else AIR
    outside = max(AIR, least) if unit == "HU" else 0
    frames = iter(reader)
    for _ in placed.volumes:
        volume = islice(frames, len(placed.frames))
        yield from slabs(resampled(volume, placed, outside) if placed.is_resampled else volume, thickness)
    next(frames, None)  # lets go of the last file and of the decoders
    for frame in placed.every:
        if frame.instance.file.stamp() != frame.instance.stamp:
            raise InputError(
                "INPUT-CHANGED",
                file=frame.instance.file.name,
                field="size and time",
                found="another file than when reading began",
                expected="a file at rest",
                fix="wait until it is written, then run again",
            )
    if reader.padded:
        kept = f"kept as {padding[0]:g}" if padding else "kept"
        repairs.append(
            Repair("DICOM-PADDING", "PixelPaddingValue", f"{reader.padded} voxels of no picture", kept)
        )
