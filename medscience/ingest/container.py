"""The outermost parts of AVI, MP4, MOV and Matroska files, which say how long the file must be.

Formats: Microsoft's RIFF, ISO/IEC 14496-12, RFC 8794 (EBML).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medscience.errors import InputError

ENDINGS = {".avi": "avi", ".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mkv": "matroska"}
"""FFmpeg's demuxer by the end of a file's name."""
ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an MP4 or MOV may begin with."""
ENDLESS = 1 << 62
"""A length that no file has."""
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def check_container(path: Path) -> str:
    """Return the demuxer for a video that begins as its name says and is as long as it says.

    A list of other files, which FFmpeg would follow wherever it leads, never begins so.

    Raises
    ------
    InputError
        If it begins otherwise, or has been cut.
    """
    wanted = next(demuxer for ending, demuxer in ENDINGS.items() if path.name.lower().endswith(ending))
    with path.open("rb") as file:
        start = file.read(12)
        looks = {
            "avi": start[:4] == b"RIFF" and start[8:] == b"AVI ",
            "matroska": start[:4] == EBML,
            "mov": start[4:8] in ATOMS,
        }
        if not looks[wanted]:
            other = next((name for name, fits in looks.items() if fits), None)
            raise InputError(
                "VIDEO-FORMAT",
                file=path,
                field="first bytes",
                found=f"those of {other}" if other else "no video's",
                expected=f"{wanted}, as the name says",
                fix="give the file the ending that fits, or export the video again",
            )
        file.seek(0)
        _check_parts(path, list(PARTS[wanted](file, path.stat().st_size)))
    return wanted


def _check_parts(path: Path, parts: list[tuple[str, int]]) -> None:
    size = path.stat().st_size
    name, end = max([("start", 0), *parts], key=lambda part: part[1])
    if end > size:
        raise _cut(path, f"{size} bytes", f"{end}, to where its part {name} goes")
    names = {name for name, _ in parts}
    if path.name.lower().endswith((".mp4", ".m4v", ".mov")) and "moov" not in names:
        raise _cut(path, f"the parts {', '.join(sorted(names))}", "moov, the table of its frames")


def _riff(file: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
    """Yield the outermost parts and where they end; long AVI files have several."""
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name != b"RIFF":
            return
        end = file.tell() + length
        yield "RIFF", end
        file.seek(min(end + length % 2, size))


def _atoms(file: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
    while len(head := file.read(8)) == 8:
        start = file.tell() - 8
        length, name = struct.unpack(">I4s", head)
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        elif length == 0:  # up to the end, wherever that is
            length = size - start
        end = start + max(length, 8)
        yield name.decode("latin-1"), end
        file.seek(min(end, size))


def _elements(file: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
    for name in ("EBML", "Segment"):
        number = file.read(4)
        if number != (EBML if name == "EBML" else SEGMENT):
            return
        length = _length(file)
        if length is None:  # written as it came: nobody knew
            return
        end = file.tell() + length
        yield name, end
        file.seek(min(end, size))


def _length(file: BinaryIO) -> int | None:
    """Size of an EBML element; None if it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return ENDLESS
    more = 8 - first[0].bit_length()
    ones = (1 << (7 * (more + 1))) - 1
    value = int.from_bytes(first + file.read(more), "big") & ones
    return None if value == ones else value


PARTS = {"avi": _riff, "mov": _atoms, "matroska": _elements}


def _cut(path: Path, found: str, expected: str) -> InputError:
    return InputError(
        "VIDEO-CUT", file=path, field="length", found=found, expected=expected, fix="copy the video again"
    )
