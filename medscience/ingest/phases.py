"""A folder with a volume for each phase of the breath: the phases of one 4D image."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Series
from medscience.config.yaml import read_yaml
from medscience.errors import InputError
from medscience.ingest.source import Repair, Source

Readers = Mapping[str, Callable[..., Source]]
NUMBER = re.compile(r"[0-9]+")


def holds_phases(folder: Path, readers: Readers) -> bool:
    """Whether a folder, or the folders in it, hold volumes."""
    return bool(_volumes(folder, readers))


def open_phases(folder: Path, acquisition: Path | None, readers: Readers) -> Source:
    """Open a folder of phases.

    Parameters
    ----------
    folder : Path
        Holds a volume for each phase, or a folder with one volume for each; their names differ in one number,
        which orders them: 0, 10, 20, 100.
    acquisition : Path, optional
        Must say ``phases: true``, or the seconds from one to the next.
    readers : mapping
        Reader by the end of a file's name.

    Returns
    -------
    Source
        The volumes as (T, Z, Y, X).

    Raises
    ------
    InputError
        If their order is open, or they are not on one grid and of one type.
    """
    if acquisition is None:
        raise _refused(
            folder,
            "ACQUISITION-NEEDED",
            f"{len(_volumes(folder, readers))} volumes",
            "what they are to each other",
            "give an acquisition file with phases: true, or with time_step_s",
        )
    files = _ordered(folder, _volumes(folder, readers))
    sources = [readers[_ending(file, readers)](file, None) for file in files]
    first = sources[0]
    for file, source in zip(files, sources, strict=True):
        same = source.meaning.geometry.close_to(first.meaning.geometry) and source.shape == first.shape
        if not same or source.dtype != first.dtype or source.meaning.axes != "zyx":
            raise _refused(
                file,
                "PHASES-DIFFER",
                f"{source.shape} of {source.dtype}, spacing {source.meaning.geometry.spacing}",
                f"the grid of {files[0].name}: {first.shape} of {first.dtype}",
                "bring all phases to one grid with the program that made them",
            )
    series, repairs = (
        read_yaml(acquisition, Series),
        [repair for source in sources for repair in source.repairs],
    )
    digest = hashlib.sha256("".join(source.sha256 for source in sources).encode()).hexdigest()
    return Source(
        replace(first.meaning, axes="tzyx", time_step=series.time_step_s),
        first.dtype,
        digest,
        first.facts,
        lambda slices: _slabs(sources, repairs, slices),
        repairs,
        len(sources),
    )


def _slabs(sources: list[Source], repairs: list[Repair], slices: int) -> Iterator[NDArray[Any]]:
    for source in sources:
        known = len(source.repairs)
        yield from source.slabs(slices)
        repairs += source.repairs[known:]


def _volumes(folder: Path, readers: Readers) -> list[Path]:
    """The volumes of a folder; or of each of its folders, if there is none in itself."""
    inside = sorted(path for path in folder.iterdir() if path.name[0] != ".")
    here = [path for path in inside if path.is_file() and _ending(path, readers)]
    if here:
        return here
    folders = [path for path in inside if path.is_dir()]
    each = [[file for file in sorted(path.iterdir()) if _ending(file, readers)] for path in folders]
    return [file for files in each for file in files] if all(len(files) == 1 for files in each) else []


def _ordered(folder: Path, files: list[Path]) -> list[Path]:
    """Return the volumes by the number in which their names, or those of their folders, differ."""
    names = [file.relative_to(folder).as_posix() for file in files]
    same = {NUMBER.sub("#", name) for name in names}
    columns = (
        np.array([[int(number) for number in NUMBER.findall(name)] for name in names])
        if len(same) == 1
        else None
    )
    varying = [] if columns is None else [column for column in columns.T if len(set(column)) > 1]
    if len(files) > 1 and len(varying) == 1 and len(set(varying[0])) == len(files):
        return [files[n] for n in np.argsort(varying[0])]
    raise _refused(
        folder,
        "PHASES-NAMES",
        f"{len(files)} volumes whose names differ in {len(varying)} numbers",
        "two or more, with names that differ in one number",
        "name the volumes by their phase, as in phase_00.mha, phase_10.mha",
    )


def _ending(file: Path, readers: Readers) -> str:
    name = file.name.lower()
    return next((ending for ending in readers if name.endswith(ending)), "")


def _refused(file: Path, code: str, found: str, expected: str, fix: str) -> InputError:
    return InputError(code, file=file, field="phases", found=found, expected=expected, fix=fix)
