"""The elements of a DICOM data set, walked strictly: every length, depth and tag before anything is believed.

Only what `tags` names is loaded; everything else is stepped over, whatever its size. Format: PS3.5 7.
"""

from dataclasses import dataclass
from struct import unpack
from typing import BinaryIO

from medscience.errors import InputError
from medscience.ingest.dicom.tags import KIND, PIXEL_DATA, VRS, named
from medscience.ingest.source import Repair

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
SHORT = {
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO"),
    *("LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
}
"""Value representations with a length of four bytes, and of two (PS3.5 7.1.2)."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

DEEPEST = 32
"""Sequences within sequences."""
MOST_ELEMENTS = 2_000_000
LONGEST_VALUE = 1 << 16
"""Bytes of an attribute that is loaded."""

Dataset = dict[int, "bytes | list[Dataset]"]
"""Raw values by tag; sequences as a list of their items."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the pixel data lie in the content."""

    offset: int
    length: int
    """Bytes that are promised; what is there of them is `present`."""
    present: int
    in_words: bool
    """Whether the VR is OW: in big endian, bytes then lie swapped in pairs."""
    fragments: tuple[tuple[int, int], ...] | None
    """Offset and length of the items of encapsulated pixel data; the first is the offset table."""


class Walk:
    """One pass over the elements of a stream."""

    def __init__(self, stream: BinaryIO, size: int, at: int, *, is_native: bool = True) -> None:
        self.stream, self.size, self.at, self.is_native = stream, size, at, is_native
        self.explicit, self.order = True, "<"
        self.pixels: Pixels | None = None
        self.repairs: list[Repair] = []
        self._left = MOST_ELEMENTS
        stream.seek(at)

    def group(self, number: int) -> Dataset:
        """Read the elements of one group, and stop before the next."""
        found: Dataset = {}
        while self.at + 8 <= self.size:
            if int.from_bytes(self._read(2), "little") != number:
                self._go(self.at - 2)
                break
            self._go(self.at - 2)
            self._element(found, self.size, 0)
        return found

    def whole(self) -> Dataset:
        """Read to the end of the stream; what cannot be read behind the pixel data is noted, and left."""
        found: Dataset = {}
        self._go(self.at)
        while self.at < self.size:
            before = self.at
            try:
                self._element(found, self.size, 0)
            except InputError as fault:
                if self.pixels is None or fault.code == "DICOM-TWICE":
                    raise
                rest = f"{self.size - before} bytes after the pixel data"
                self.repairs.append(Repair("DICOM-TAIL", "end of file", rest, "ignored"))
                break
        return found

    def _element(self, into: Dataset, end: int, depth: int) -> int:
        """Read one element; keep it if it is wanted. Returns its tag."""
        begin = self.at
        tag, vr, length = self._head(end)
        if tag == PIXEL_DATA and depth == 0:
            self._once(into, tag)
            into[tag] = b""
            self.pixels = self._pixels(length, in_words=vr == "OW")
        elif tag == PIXEL_DATA and length == UNDEFINED:  # of an icon
            self._fragments()
        elif tag in (ITEM_END, SEQUENCE_END):
            return tag
        elif vr == "SQ" or length == UNDEFINED or (not vr and KIND.get(tag) == "sequence"):
            if vr not in ("SQ", "UN", ""):
                raise broken("LENGTH", named(tag), "an undefined length", "one for sequences only")
            self._sequence(into, tag, length, end, depth, implicit=vr == "UN")
        elif length > end - self.at:
            raise self._short(tag, length, begin)
        elif tag in KIND:
            self._keep(into, tag, vr, length)
        else:
            self._go(self.at + length)
        return tag

    def _head(self, end: int) -> tuple[int, str, int]:
        """Tag, VR (empty where it is not said) and length of the element at hand."""
        self._left -= 1
        if self._left < 0:
            raise broken("BUDGET", "elements", f"more than {MOST_ELEMENTS}", "fewer")
        begin = self.at
        if end - self.at < 8:
            raise self._short(None, 8, begin)
        head = self._read(8)
        group, number, length = unpack(self.order + "HHI", head)
        tag = group << 16 | number
        if not self.explicit or tag in (ITEM, ITEM_END, SEQUENCE_END):
            return tag, "", length
        vr = head[4:6].decode("ascii", "replace")
        (short,) = unpack(self.order + "H", head[6:])
        if not (vr.isascii() and vr.isupper()):
            raise broken("VR", named(tag), f"no value representation at byte {begin}", "two capitals")
        # a VR that is not known has the long form if the two bytes that it reserves are empty
        if vr in SHORT or (vr not in LONG and short):
            return tag, vr, short
        if end - self.at < 4:
            raise self._short(tag, 4, begin)
        return tag, vr, unpack(self.order + "I", self._read(4))[0]

    def _keep(self, into: Dataset, tag: int, vr: str, length: int) -> None:
        self._once(into, tag)
        kind = KIND[tag]
        if vr and vr not in VRS[kind]:
            raise broken("VR", named(tag), f"VR {vr}", f"one of {', '.join(VRS[kind])}")
        if kind == "sequence":
            self._go(self.at + length)  # an unknown value where a sequence belongs: never looked into
            return
        if length > LONGEST_VALUE:
            raise broken("LENGTH", named(tag), f"{length} bytes", f"at most {LONGEST_VALUE}")
        into[tag] = self._read(length)

    def _sequence(
        self, into: Dataset, tag: int, length: int, end: int, depth: int, *, implicit: bool
    ) -> None:
        wanted = KIND.get(tag) == "sequence"
        if length != UNDEFINED:
            if length > end - self.at:
                raise self._short(tag, length, self.at)
            if not wanted:
                self._go(self.at + length)
                return
        if depth >= DEEPEST:
            raise broken("DEPTH", "sequences", f"more than {DEEPEST} in each other", f"at most {DEEPEST}")
        if wanted:
            self._once(into, tag)
        before = self.explicit, self.order
        if implicit:  # PS3.5 6.2.2: of unknown VR and undefined length, thus implicit little endian
            self.explicit, self.order = False, "<"
        items = self._items(tag, end if length == UNDEFINED else self.at + length, length, depth)
        self.explicit, self.order = before
        if wanted:
            into[tag] = items

    def _items(self, tag: int, end: int, length: int, depth: int) -> list[Dataset]:
        items: list[Dataset] = []
        while length == UNDEFINED or self.at < end:
            mark, _, size = self._head(end)
            if mark == SEQUENCE_END and length == UNDEFINED:
                return items
            if mark != ITEM:
                raise broken(
                    "SEQUENCE", named(tag), "something else between its items", "items, then its end"
                )
            if size != UNDEFINED and size > end - self.at:
                raise self._short(tag, size, self.at)
            stop = end if size == UNDEFINED else self.at + size
            item: Dataset = {}
            while size == UNDEFINED or self.at < stop:
                if self._element(item, stop, depth + 1) == ITEM_END and size == UNDEFINED:
                    break
            items.append(item)
        return items

    def _pixels(self, length: int, *, in_words: bool) -> Pixels:
        begin = self.at
        if length != UNDEFINED:
            present = min(length, self.size - self.at)
            self._go(self.at + present)
            return Pixels(begin, length, present, in_words, None)
        if self.is_native:
            found = "an undefined length, as compressed ones have"
            raise broken("PIXELS", named(PIXEL_DATA), found, "a length, as the transfer syntax promises")
        fragments = self._fragments()
        return Pixels(begin, self.at - begin, self.at - begin, in_words, fragments)

    def _fragments(self) -> tuple[tuple[int, int], ...]:
        """Offset and length of the items of encapsulated pixel data (PS3.5 A.4)."""
        fragments: list[tuple[int, int]] = []
        while True:
            mark, _, size = self._head(self.size)
            if mark == SEQUENCE_END:
                return tuple(fragments)
            if mark != ITEM or size > self.size - self.at:
                found = f"at byte {self.at} a piece that is no whole item"
                raise broken("PIXELS", named(PIXEL_DATA), found, "whole items, then the end of the sequence")
            fragments.append((self.at, size))
            self._go(self.at + size)

    def _once(self, into: Dataset, tag: int) -> None:
        if tag in into:
            raise broken("TWICE", named(tag), "the attribute twice", "once")

    def _read(self, count: int) -> bytes:
        content = self.stream.read(count)
        if len(content) < count:
            raise self._short(None, count, self.at)
        self.at += count
        return content

    def _go(self, at: int) -> None:
        self.stream.seek(at)
        self.at = at

    def _short(self, tag: int | None, length: int, begin: int) -> InputError:
        what = f" in {named(tag)}" if tag is not None else ""
        found = f"{length} bytes promised at byte {begin}{what}, {max(self.size - self.at, 0)} left"
        return broken("TRUNCATED", "header", found, "elements that end within the file", "copy it again")


def broken(code: str, what: str, found: object, expected: str, fix: str = "export it again") -> InputError:
    """Return the error about the bytes of a file."""
    return InputError(f"DICOM-{code}", field=what, found=found, expected=expected, fix=fix)
