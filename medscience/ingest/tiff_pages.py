"""The pages of a TIFF file, each checked before a pixel is decoded (TIFF 6.0, and BigTIFF)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from medscience.errors import InputError
from medscience.ingest.picture import Picture
from medscience.ingest.recording import check_frame_size

SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of a value by TIFF's number for its type."""
WHOLE = {1: "B", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q", 18: "Q"}
"""How whole numbers, and fractions of two of them, are unpacked."""
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
STRIPS, ORIENTATION, SAMPLES, STRIP_BYTES = 273, 274, 277, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, TILES, TILE_BYTES, SAMPLE_FORMAT = 282, 283, 284, 324, 325, 339
NUMBERS = {
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, SAMPLES, STRIP_BYTES),
    *(X_RESOLUTION, Y_RESOLUTION, PLANAR, TILES, TILE_BYTES, SAMPLE_FORMAT),
}
FORMS = {(0, 1): "grey", (1, 1): "grey", (1, 2): "grey and alpha", (2, 3): "RGB", (2, 4): "RGB and alpha"}
"""What a pixel's numbers are, by photometric interpretation and how many there are."""
KINDS = {1: "u", 2: "i", 3: "f"}
MOST_TAGS = 4096
LARGEST_DESCRIPTION = 16 << 20
BITS_READ = {"u": range(8, 33), "i": (8, 16, 32), "f": (32, 64)}


@dataclass(frozen=True, slots=True)
class _File:
    """A TIFF file that is open, and how its numbers are written."""

    path: Path
    stream: BinaryIO
    size: int
    order: str
    big: bool

    def take(self, at: int, count: int, what: str) -> bytes:
        """Return bytes that must be there."""
        if at < 8 or at + count > self.size:
            raise refused(self.path, what, f"bytes {at} to {at + count}", f"a file of {self.size} bytes")
        self.stream.seek(at)
        return self.stream.read(count)

    def whole(self, at: int, form: str, what: str) -> tuple[int, ...]:
        """Return whole numbers that must be there."""
        form = self.order + form
        return struct.unpack(form, self.take(at, struct.calcsize(form), what))


def check_tiff(path: Path) -> list[Picture]:
    """Return what each page of a TIFF says, after what it says was checked against the file.

    Raises
    ------
    InputError
        If it is no TIFF, cut, its pages lead in a circle, or one promises more than there is or than is read.
    """
    with path.open("rb") as stream:
        file = _opened(path, stream)
        pages = [_picture(path, number, tags, file.size) for number, tags in enumerate(_pages(file))]
    if not pages:
        raise refused(path, "pages", "none", "one or more")
    return pages


def first_tags(path: Path) -> dict[int, Any]:
    """Return the tags of the first page, with the description in which programs say what the pages are."""
    with path.open("rb") as stream:
        return next(_pages(_opened(path, stream), described=True))


def _opened(path: Path, stream: BinaryIO) -> _File:
    start = stream.read(8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    version = struct.unpack(f"{order}H", start[2:4])[0] if order and len(start) == 8 else None
    if order is None or version not in (42, 43):
        raise refused(path, "first bytes", "those of another format", "a TIFF, as the name says")
    return _File(path, stream, path.stat().st_size, order, version == 43)


def _pages(file: _File, *, described: bool = False) -> Iterator[dict[int, Any]]:
    """Yield the tags of each page, which are a chain."""
    count_form, entry, offset_form = ("Q", 20, "Q") if file.big else ("H", 12, "I")
    inside = struct.calcsize(offset_form)
    (at,) = file.whole(8, "Q", "first page") if file.big else struct.unpack(file.order + "I", _start(file))
    seen: set[int] = set()
    while at:
        if at in seen:
            raise refused(file.path, f"page {len(seen)}", "a chain of pages that leads in a circle", "an end")
        seen.add(at)
        (count,) = file.whole(at, count_form, f"page {len(seen) - 1}")
        if not 0 < count <= MOST_TAGS:
            raise refused(file.path, f"page {len(seen) - 1}", f"{count} tags", f"1 to {MOST_TAGS}")
        at += struct.calcsize(file.order + count_form)
        block = file.take(at, count * entry + inside, f"page {len(seen) - 1}")
        yield dict(_tags(file, block[: count * entry], entry, described=described))
        (at,) = struct.unpack(file.order + offset_form, block[count * entry :])


def _start(file: _File) -> bytes:
    file.stream.seek(4)
    return file.stream.read(4)


def _tags(file: _File, block: bytes, entry: int, *, described: bool) -> Iterator[tuple[int, Any]]:
    """Yield the tags that matter, with their values."""
    form, room = (file.order + "HHQ8s", 8) if entry == 20 else (file.order + "HHI4s", 4)
    for at in range(0, len(block), entry):
        tag, kind, count, value = struct.unpack_from(form, block, at)
        text = described and tag == DESCRIPTION and kind == 2 and count <= LARGEST_DESCRIPTION
        if not text and not (tag in NUMBERS and kind in WHOLE and count):
            continue
        size = SIZES[kind] * count
        if size > room:
            (where,) = struct.unpack(file.order + ("Q" if room == 8 else "I"), value)
            value = file.take(where, size, f"tag {tag}")
        if text:
            yield tag, value[:size].split(b"\0")[0].decode("utf-8", "replace")
        else:
            yield tag, struct.unpack_from(file.order + WHOLE[kind] * count, value)


def _picture(path: Path, number: int, tags: dict[int, tuple[int, ...]], size: int) -> Picture:
    """Return what a page says, its parts checked to lie within the file."""
    page = f"page {number}"
    if not all(tags.get(tag) for tag in (WIDTH, HEIGHT)):
        raise refused(path, page, "no width or height", "both")
    width, height = tags[WIDTH][0], tags[HEIGHT][0]
    check_frame_size(path, height, width)
    samples = tags.get(SAMPLES, (1,))[0]
    bits, kinds = set(tags.get(BITS, (1,))), set(tags.get(SAMPLE_FORMAT, (1,)))
    photometric = tags.get(PHOTOMETRIC, (1,))[0]
    form, kind = FORMS.get((photometric, samples)), KINDS.get(min(kinds))
    separate = samples > 1 and tags.get(PLANAR, (1,))[0] != 1
    read = form and kind and len(bits) == len(kinds) == 1 and not separate
    if not read or min(bits) not in BITS_READ[kind or "u"] or (photometric == 0 and kind != "u"):
        found = f"photometric {photometric}, {samples} numbers of {sorted(bits)} bits, format {sorted(kinds)}"
        raise refused(path, page, found, "grey or RGB of 8 bits or more", "save it in grey")
    bit = min(bits)
    _check_parts(path, page, tags, size, width * height * samples * bit // 8)
    orientation = tags.get(ORIENTATION, (1,))[0]
    return Picture(height, width, bit, form or "", orientation, kind or "u", dark_high=photometric == 0)


def _check_parts(path: Path, page: str, tags: dict[int, tuple[int, ...]], size: int, needed: int) -> None:
    """Refuse a page whose strips or tiles lie outside of the file, or are too few to hold it."""
    starts = tags.get(STRIPS) or tags.get(TILES) or ()
    sizes = tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ()
    if not starts or len(starts) != len(sizes):
        raise refused(path, page, f"{len(starts)} parts with {len(sizes)} sizes", "as many sizes as parts")
    end = max(start + count for start, count in zip(starts, sizes, strict=True))
    if end > size:
        raise refused(path, page, f"pixels up to byte {end}", f"a file of {size} bytes")
    if tags.get(COMPRESSION, (1,))[0] == 1 and sum(sizes) < needed:
        raise refused(path, page, f"{sum(sizes)} bytes of pixels", f"{needed}")


def refused(
    path: Path, field: str, found: str, expected: str, fix: str = "copy the file again"
) -> InputError:
    """Return an error about a TIFF."""
    return InputError("TIFF-DAMAGED", file=path, field=field, found=found, expected=expected, fix=fix)
