"""What a compressed frame says of itself, before a decoder sees it: JPEG, JPEG-LS and JPEG 2000 headers."""

from dataclasses import dataclass
from struct import error, unpack_from

FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""JPEG's and JPEG-LS' markers that begin a frame (T.81 table B.1, T.87)."""


@dataclass(frozen=True, slots=True)
class Codestream:
    """The picture in a compressed frame."""

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool | None
    """None where the format does not say."""


def read_codestream(frame: bytes) -> Codestream | None:
    """Return what a frame's header says, or None if it is none of these formats.

    >>> read_codestream(b"nothing") is None
    True
    """
    try:
        if frame.startswith(b"\xff\x4f\xff\x51"):
            return _jpeg2000(frame)
        if frame.startswith(b"\xff\xd8"):
            return _jpeg(frame)
    except (error, IndexError):
        return None
    return None


def _jpeg2000(frame: bytes) -> Codestream:
    """The marker segment with the sizes (T.800 A.5.1)."""
    right, bottom, left, top = unpack_from(">4I", frame, 8)
    (samples,) = unpack_from(">H", frame, 40)
    depth = frame[42]
    return Codestream(bottom - top, right - left, samples, (depth & 0x7F) + 1, depth > 0x7F)


def _jpeg(frame: bytes) -> Codestream | None:
    """The first frame header (T.81 B.2.2)."""
    at = 2
    while True:
        while frame[at + 1] == 0xFF:
            at += 1
        marker = frame[at + 1]
        if frame[at] != 0xFF:
            return None
        if marker in FRAME_HEADERS:
            bits, rows, columns, samples = unpack_from(">BHHB", frame, at + 4)
            return Codestream(rows, columns, samples, bits, None)
        (length,) = unpack_from(">H", frame, at + 2)
        at += 2 + length
