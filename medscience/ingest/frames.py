"""A folder of frames, a PNG or TIFF file each, numbered in their names."""

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, about
from medscience.ingest.decode import decode_png, decode_tiff
from medscience.ingest.fence import decoding
from medscience.ingest.picture import Look, Picture
from medscience.ingest.png import check_png
from medscience.ingest.recording import check_count, facts_of, meaning_of_frames, read_recording
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.tiff_pages import check_tiff

FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}
OTHERS = (".bmp", ".gif", ".jpeg", ".jpg", ".webp")
"""Pictures that are not read: most of them have lost something."""
NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)
"""What comes before the last number of a name, the number, and what comes after it."""


def holds_frames(folder: Path) -> bool:
    """Whether there are pictures in a folder."""
    return any(_format(path) or path.suffix.lower() in OTHERS for path in folder.iterdir())


def open_frames(folder: Path, acquisition: Path | None = None) -> Source:
    """Open a folder of frames.

    Parameters
    ----------
    folder : Path
        Holds a file for each frame, ``.png`` or ``.tif``, with the frame's number as the last one in its
        name; files that are no pictures may lie among them.
    acquisition : Path, optional
        The acquisition file; there must be one, since nothing else knows the frame rate.

    Returns
    -------
    Source
        Frames (T, 1, Y, X) in the order of their numbers, in their own type; palettes looked up. Frames that
        are to be shown turned are turned.

    Raises
    ------
    InputError
        If numbers are missing or double, frames are not all alike, cut, damaged or in colour, or nobody said
        at which rate they were recorded.
    """
    files, repairs = _files(folder)
    recording = read_recording(folder, acquisition, "files without a time")
    ordered, skipped = _in_order(folder, files, repairs, keep=recording.dropped_frames == "keep")
    check_count(folder, len(ordered), recording)
    stamp = Stamp.of(*ordered)
    first = _picture(ordered[0])
    for path in ordered[1:]:
        if (picture := _picture(path)) != first:
            raise _differs(path, picture, first)
    look = Look(first, luminance=recording.grey == "luminance")
    repairs += look.repairs()
    return Source(
        meaning_of_frames(recording, look.shape, skipped=skipped),
        first.dtype,
        stamp.sha256(),
        facts_of(recording, format=f"{_format(ordered[0])} frames", bits=first.bits, form=first.form),
        partial(_slabs, ordered, look, stamp, repairs),
        repairs,
        len(ordered),
    )


def _files(folder: Path) -> tuple[list[Path], list[Repair]]:
    """Return the files of the frames, and a note of the others."""
    visible = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    frames = [path for path in visible if _format(path)]
    strange = [path for path in visible if path.suffix.lower() in OTHERS]
    kinds = {_format(path) for path in frames} | {path.suffix.lower() for path in strange}
    if strange or len(kinds) > 1:
        raise InputError(
            "FRAME-FORMATS",
            file=folder,
            field="kinds of files",
            found=", ".join(sorted(filter(None, kinds))),
            expected="all PNG, or all TIFF",
            fix="leave one kind in the folder; convert others without loss",
        )
    rest = len(visible) - len(frames)
    return frames, [Repair("FRAME-OTHER-FILES", "folder", f"{rest} other files", "not read")] if rest else []


def _in_order(
    folder: Path, files: list[Path], repairs: list[Repair], *, keep: bool
) -> tuple[list[Path], tuple[tuple[int, int], ...]]:
    """Return the files by the last number in their names, and where numbers are missing."""
    numbers: dict[int, Path] = {}
    frames = set()
    for path in files:
        parts = NUMBERED.fullmatch(path.stem)
        if parts is None:
            raise _names(path, "no number", "the frame's number at the end of each name")
        before, number, after = parts.groups()
        frames.add((before, after))
        if len(frames) > 1:
            raise _names(path, "another name than those before it", "one name, and a number that grows")
        if int(number) in numbers:
            raise _names(path, f"number {int(number)} twice", "each number once")
        numbers[int(number)] = path
    order = sorted(numbers)
    skipped = tuple((n, b - a - 1) for n, (a, b) in enumerate(pairwise(order), start=1) if b - a > 1)
    if skipped:
        at, _ = skipped[0]
        missing = sum(count for _, count in skipped)
        found = f"{missing} numbers missing in {len(skipped)} places, the first after {order[at - 1]}"
        if not keep:
            fix = "bring them back, or set dropped_frames: keep in the acquisition file"
            raise _names(folder, found, "numbers without a gap", "FRAME-GAP", fix)
        repairs.append(Repair("FRAME-GAP", "numbers", found, "the others keep their times"))
    return [numbers[number] for number in order], skipped


def _picture(path: Path) -> Picture:
    """Return what the header of a frame's file says."""
    if _format(path) == "png":
        return check_png(path)
    pages = check_tiff(path)
    if len(pages) != 1:
        raise _names(path, f"{len(pages)} pages", "one frame in each file", "FRAME-PAGES")
    return pages[0]


def _slabs(
    files: list[Path],
    look: Look,
    stamp: Stamp,
    repairs: list[Repair],
    count: int,
) -> Iterator[NDArray[Any]]:
    check = look.check()
    for start in range(0, len(files), count):
        frames = []
        for file in files[start : start + count]:
            with about(file):
                decode = decode_png if _format(file) == "png" else decode_tiff
                frames.append(look.checked(decoding().call(decode, str(file), 0, look.luminance)))
        slab = look.finished(np.stack(frames))
        check.look(slab)
        yield slab
    repairs += check.repairs()
    stamp.check()


def _format(path: Path) -> str | None:
    return FORMATS.get(path.suffix.lower())


def _differs(path: Path, picture: Picture, first: Picture) -> InputError:
    return InputError(
        "FRAME-DIFFERS",
        file=path,
        field="size and form",
        found=picture,
        expected=f"{first}, as the first frame",
        fix="take out what does not belong to the recording",
    )


def _names(
    path: Path, found: str, expected: str, code: str = "FRAME-NAMES", fix: str = "rename the frames"
) -> InputError:
    return InputError(code, file=path, field="file names", found=found, expected=expected, fix=fix)
