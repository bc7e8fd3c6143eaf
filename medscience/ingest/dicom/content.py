"""A DICOM file from its first byte to its last: preamble, meta, and the data set in its transfer syntax.

A file is read here and nowhere else, so that no second parser can see another file in it. Format: PS3.10 7.
"""

import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from medscience.ingest.dicom.elements import LONG, SHORT, Dataset, Pixels, Walk, broken
from medscience.ingest.dicom.tags import SYNTAX
from medscience.ingest.source import Repair

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
NATIVE = {IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN}
"""Transfer syntaxes whose pixels are plain numbers."""

INFLATED_RATIO, INFLATED_FLOOR = 100, 64 << 20
"""A deflated file may grow to this many times its size, or to the floor."""


@dataclass(slots=True)
class Content:
    """What the walk found."""

    syntax: str
    order: str
    """``<`` or ``>``, as for `struct`."""
    deflated_from: int | None
    """Byte at which a deflated data set begins; offsets then count in the inflated one."""
    data: Dataset
    pixels: Pixels | None
    repairs: list[Repair] = field(default_factory=list)


def read_content(stream: BinaryIO, size: int) -> Content:
    """Walk a DICOM file from its first byte to its last.

    Parameters
    ----------
    stream : BinaryIO
        At any place; it must be able to seek.
    size : int
        Bytes in it.

    Raises
    ------
    InputError
        If it is no DICOM file, ends too early, or says something twice or out of bounds.
    """
    repairs: list[Repair] = []
    start = _start(stream, repairs)
    meta = Walk(stream, size, start)
    data = meta.group(2)
    syntax = bytes(_plain(data.get(SYNTAX))).rstrip(b"\0 ").decode("ascii", "replace")
    deflated_from = meta.at if syntax == DEFLATED else None
    if deflated_from is not None:
        stream, size = inflated(stream, size, deflated_from)
        meta.at = 0
    walk = Walk(stream, size, meta.at, is_native=syntax in (*NATIVE, ""))
    walk.explicit, walk.order = _encoding(stream, meta.at, syntax, repairs)
    body = walk.whole()
    repairs += walk.repairs
    return Content(syntax or IMPLICIT, walk.order, deflated_from, data | body, walk.pixels, repairs)


def is_dicom(stream: BinaryIO) -> bool:
    """Whether a file says that it is DICOM, or begins as a data set without preamble does."""
    stream.seek(0)
    head = stream.read(132)
    return head[128:] == b"DICM" or _is_bare(head)


def inflated(stream: BinaryIO, size: int, start: int) -> tuple[BinaryIO, int]:
    """Return the inflated rest of a stream and its size.

    Raises
    ------
    InputError
        If it is damaged, or grows beyond its budget.
    """
    stream.seek(start)
    budget = max(INFLATED_FLOOR, INFLATED_RATIO * size)
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(stream.read(), budget + 1)
    except zlib.error as fault:
        raise broken("DAMAGED", "deflated data set", fault, "a whole stream") from fault
    if len(content) > budget:
        found = f"more than {budget} bytes from a file of {size}"
        raise broken("BUDGET", "deflated data set", found, f"at most {INFLATED_RATIO} times the file")
    if not inflate.eof:
        raise broken("TRUNCATED", "deflated data set", f"it ends after {size} bytes", "a whole stream")
    return BytesIO(content), len(content)


def _start(stream: BinaryIO, repairs: list[Repair]) -> int:
    """Byte at which the first element begins."""
    stream.seek(0)
    head = stream.read(132)
    if head[128:] == b"DICM":
        return 132
    if _is_bare(head):
        repairs.append(Repair("DICOM-NO-PREAMBLE", "preamble", "none", "read as a data set"))
        return 0
    found = "an empty file" if not head else "other bytes"
    raise broken("FORMAT", "magic number", found, "DICM at byte 128", "is it a DICOM file?")


def _is_bare(head: bytes) -> bool:
    """Whether the first element may be one of group 2 or 8 in little endian."""
    group, element = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    explicit = head[4:6].decode("ascii", "replace") in LONG | SHORT
    plausible = explicit or int.from_bytes(head[4:8], "little") < 1 << 12
    return len(head) > 8 and group in (2, 8) and element < 0x100 and plausible


def _encoding(stream: BinaryIO, at: int, syntax: str, repairs: list[Repair]) -> tuple[bool, str]:
    """Whether the data set carries its VRs, and its byte order; the first element is the judge."""
    stream.seek(at)
    head = stream.read(8)
    carries = head[4:6].decode("ascii", "replace") in LONG | SHORT
    order = ">" if syntax == BIG_ENDIAN else "<"
    promised = syntax != IMPLICIT
    if not syntax:
        said = "explicit" if carries else "implicit"
        repairs.append(Repair("DICOM-NO-SYNTAX", "TransferSyntaxUID", "none", f"{said} VR little endian"))
    elif head and carries != promised:
        words = {True: "explicit VR", False: "implicit VR"}
        repairs.append(Repair("DICOM-SYNTAX", "TransferSyntaxUID", words[promised], words[carries]))
    return carries, order


def _plain(value: "bytes | list[Dataset] | None") -> bytes:
    return value if isinstance(value, bytes) else b""
