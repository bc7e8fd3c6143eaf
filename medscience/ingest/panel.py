"""Projections as scanners write them, one file each: Elekta's .his, Varian's .hnd and .xim.

The layouts are those that RTK reads (`rtkHisImageIO`, `rtkHndImageIO`, `rtkXimImageIO`). Varian's pixels are
packed as differences: each is stored as what it adds to the sum of its left and upper neighbours less the one
between them, in one, two or four bytes.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError

LARGEST_SIDE = 8192
"""Pixels along a side of a detector."""
HIS_MAGIC, HIS_HEADER, HIS_UINT16 = b"\x00\x70\x44\x00", 68, 4
HIS_SIDE = 409.6
"""Millimetres along a side of Elekta's panel."""
HND_HEADER, HND_SIZES, HND_PITCH = 1024, 120, 352
"""Bytes of the header; where in it are sizes (two uint32) and millimetres between pixels (two doubles)."""
XIM_MAGIC = b"VMS.XI\x00\x00"
XIM_NAMES = 256
"""Letters of a property's name at most."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The picture of one view."""

    pixels: NDArray[Any]
    """(V, U), as stored."""
    pitch: tuple[float, float]
    """Millimetres between pixels along (v, u)."""


def read_panel(path: Path) -> Panel:
    """Return the picture in a file, by the end of its name.

    Raises
    ------
    InputError
        If it is cut, damaged or of another form.
    """
    content = path.read_bytes()
    return PANELS[path.suffix.lower()](path, content)


def _his(path: Path, content: bytes) -> Panel:
    if len(content) < HIS_HEADER or content[:4] != HIS_MAGIC:
        raise _refused(path, "header", "another beginning", "that of a Heimann file of version 100")
    more, left, top, right, bottom, frames = struct.unpack_from("<6H", content, 10)
    width, height = bottom - top + 1, right - left + 1  # RTK's reading; panels are square
    (kind,) = struct.unpack_from("<H", content, 32)
    if frames != 1 or kind != HIS_UINT16 or width != height:
        found = f"{frames} frames of type {kind}, {width} x {height}"
        raise _refused(path, "header", found, "one square frame of 16 bits without a sign (type 4)")
    _check_sides(path, height, width)
    begin, size = HIS_HEADER + more, 2 * height * width
    if len(content) != begin + size:
        raise _refused(path, "size", f"{len(content)} bytes", f"{begin + size}")
    pixels = np.frombuffer(content, "<u2", height * width, begin).reshape(height, width)
    return Panel(pixels, (HIS_SIDE / height, HIS_SIDE / width))


def _hnd(path: Path, content: bytes) -> Panel:
    if len(content) < HND_HEADER:
        raise _refused(path, "size", f"{len(content)} bytes", f"a header of {HND_HEADER}")
    width, height = struct.unpack_from("<2I", content, HND_SIZES)
    u, v = struct.unpack_from("<2d", content, HND_PITCH)
    _check_sides(path, height, width)
    _check_pitch(path, v, u)
    table = (height - 1) * width // 4
    return Panel(
        _summed(path, content[HND_HEADER:][:table], content[HND_HEADER + table :], (height, width)), (v, u)
    )


def _xim(path: Path, content: bytes) -> Panel:
    reader = _Words(path, content)
    if reader.take(8) != XIM_MAGIC:
        raise _refused(path, "header", "another beginning", "VMS.XI")
    _, width, height, _, size, packed = reader.integers(6)
    _check_sides(path, height, width)
    if packed != 1 or size != 4:
        found = f"compression {packed}, {size} bytes in a pixel"
        raise _refused(path, "compression", found, "1, and 4 bytes in a pixel")
    table = reader.block("lookup table")
    pixels = _summed(path, table, reader.block("pixels"), (height, width))
    (unpacked,) = reader.integers(1)
    if unpacked != pixels.size * 4:
        raise _refused(path, "size", f"{unpacked} bytes unpacked", f"{pixels.size * 4}")
    (bins,) = reader.integers(1)
    reader.take(4 * bins)
    stated = reader.properties()
    u, v = (10 * stated.get(name, 0.0) for name in ("PixelWidth", "PixelHeight"))  # centimetres
    _check_pitch(path, v, u)
    return Panel(pixels, (v, u))


PANELS: dict[str, Callable[[Path, bytes], Panel]] = {".his": _his, ".hnd": _hnd, ".xim": _xim}
"""Reader by the end of a file's name."""


class _Words:
    """Takes what a file holds, piece by piece; a piece that is not there is an error."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content, self.at = path, content, 0

    def take(self, count: int) -> bytes:
        piece = self.content[self.at : self.at + count] if count >= 0 else b""
        if count < 0 or len(piece) < count:
            raise _refused(self.path, "size", f"{len(self.content)} bytes", "more, by what it says of itself")
        self.at += count
        return piece

    def integers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", self.take(4 * count))

    def block(self, name: str) -> bytes:
        (size,) = self.integers(1)
        if size < 0:
            raise _refused(self.path, name, f"{size} bytes", "0 or more")
        return self.take(size)

    def properties(self) -> dict[str, float]:
        """Return the properties that are single numbers."""
        numbers = {}
        (count,) = self.integers(1)
        for _ in range(count):
            (length,) = self.integers(1)
            if not 0 < length <= XIM_NAMES:
                raise _refused(self.path, "properties", f"a name of {length} letters", f"1 to {XIM_NAMES}")
            name = self.take(length).decode("latin-1").rstrip("\0")
            (kind,) = self.integers(1)
            if kind == 0:
                numbers[name] = float(self.integers(1)[0])
            elif kind == 1:
                numbers[name] = float(struct.unpack("<d", self.take(8))[0])
            elif kind in {2, 4, 5}:
                self.block("properties")
            else:
                raise _refused(self.path, "properties", f"one of type {kind}", "types 0, 1, 2, 4 and 5")
        return numbers


def _summed(path: Path, table: bytes, stored: bytes, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Undo the packing: the first row and one pixel more are plain, all others differences.

    Along the pixels as they are stored, the difference to the pixel above grows by the stored number.
    """
    height, width = shape
    plain, count = width + 1, height * width - width - 1
    codes = np.frombuffer(table, np.uint8)[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    codes = codes.ravel()
    if len(codes) < count or (codes[:count] > 2).any():
        found = "an unknown length" if len(codes) >= count else f"{len(codes)} lengths"
        raise _refused(path, "lookup table", found, f"{count} lengths of 1, 2 or 4 bytes")
    lengths = np.array([1, 2, 4])[codes[:count]]
    ends = np.cumsum(lengths)
    needed = 4 * plain + int(ends[-1]) if count else 4 * plain
    spare = len(codes) - count  # of a table of whole bytes, whose last entries stand for nothing
    if not needed <= len(stored) <= needed + 4 * spare:
        raise _refused(path, "pixels", f"{len(stored)} bytes", f"{needed}, by the lookup table")
    packed, begins = stored[4 * plain :] + bytes(4), ends - lengths
    differences = np.empty(count, np.int64)
    for length, dtype in ((1, "<i1"), (2, "<i2"), (4, "<i4")):
        chosen = lengths == length
        places = begins[chosen][:, None] + np.arange(length)
        pieces = np.frombuffer(packed, np.uint8)[places]
        differences[chosen] = np.ascontiguousarray(pieces).view(dtype).ravel()
    first = np.frombuffer(stored, "<i4", plain).astype(np.int64)
    rises = np.cumsum(np.concatenate([[first[-1] - first[0]], differences]))
    pixels = np.cumsum(np.concatenate([first[:width], rises]).reshape(height, width), axis=0)
    if np.abs(pixels).max() > np.iinfo(np.int32).max:
        raise _refused(path, "pixels", "numbers beyond 32 bits", "counts")
    return pixels.astype(np.int32)


def _check_sides(path: Path, height: int, width: int) -> None:
    if not (2 <= height <= LARGEST_SIDE and 2 <= width <= LARGEST_SIDE):
        raise _refused(path, "width and height", f"{width} x {height}", f"2 to {LARGEST_SIDE} pixels")


def _check_pitch(path: Path, v: float, u: float) -> None:
    if not (0.01 <= v <= 50 and 0.01 <= u <= 50):
        raise _refused(path, "pixel size", f"{u:g} x {v:g} mm", "0.01 to 50 mm")


def _refused(path: Path, field: str, found: str, expected: str) -> InputError:
    code = f"{path.suffix[1:].upper()}-{field.upper().replace(' ', '-')}"
    return InputError(
        code,
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="copy the file again, or export it anew",
    )
