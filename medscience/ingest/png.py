"""PNG files, checked chunk by chunk before a pixel is decoded (ISO/IEC 15948)."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medscience.errors import InputError
from medscience.ingest.picture import Picture
from medscience.ingest.recording import check_frame_size

MAGIC = b"\x89PNG\r\n\x1a\n"
FORMS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey and alpha", 6: "RGB and alpha"}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample by PNG's colour type."""
LARGEST_NOTE = 1 << 16
"""Bytes of EXIF that are looked at; they hold the orientation near their start."""
ORIENTATION = 274


def check_png(path: Path) -> Picture:
    """Return what the header of a PNG says, after every checksum held.

    Raises
    ------
    InputError
        If it is no PNG, cut, damaged, or promises more pixels than fit the budget.
    """
    with path.open("rb") as file:
        if file.read(8) != MAGIC:
            raise _damaged(path, "first bytes", "those of another format", "a PNG, as the name says")
        chunks = _chunks(path, file)
        name, header = next(chunks, (b"", b""))
        if name != b"IHDR" or len(header) != 13:
            raise _damaged(path, "first chunk", f"{name!r}", "IHDR of 13 bytes")
        width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", header)
        check_frame_size(path, height, width)
        if depth not in DEPTHS.get(colour, ()) or methods[:2] != [0, 0] or methods[2] > 1:
            raise _damaged(path, "IHDR", f"depth {depth}, colour type {colour}, {methods}", "a form of PNG's")
        orientation = 1
        for name, content in chunks:
            if name == b"eXIf":
                orientation = _orientation(content)
        if file.read(1):
            raise _damaged(path, "end of file", "more data after IEND", "nothing")
    return Picture(height, width, depth, FORMS[colour], orientation)


def _chunks(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk up to IEND, content that nobody looks at cut short."""
    while True:
        start = file.read(8)
        if len(start) < 8:
            raise _damaged(path, "chunks", "an end before IEND", "a whole file")
        size, name = struct.unpack(">I4s", start)
        content, checksum = b"", zlib.crc32(name)
        while size and (piece := file.read(min(size, 1 << 20))):
            content += piece[: LARGEST_NOTE - len(content)]
            checksum = zlib.crc32(piece, checksum)
            size -= len(piece)
        stored = file.read(4)
        if size or len(stored) < 4:
            raise _damaged(path, f"chunk {name!r}", "an end within it", "a whole file")
        if int.from_bytes(stored, "big") != checksum:
            raise _damaged(path, f"chunk {name!r}", f"checksum {checksum:08x}", stored.hex())
        yield name, content
        if name == b"IEND":
            return


def _orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 if it says none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    (begin,) = struct.unpack_from(f"{order}I", exif, 4)
    if begin + 2 > len(exif):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", exif, begin)
    for at in range(begin + 2, min(begin + 2 + 12 * entries, len(exif) - 11), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, at)
        if tag == ORIENTATION:
            return int(value)
    return 1


def _damaged(path: Path, field: str, found: str, expected: str) -> InputError:
    return InputError(
        "PNG-DAMAGED",
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="copy the file again, or save the frame anew",
    )
