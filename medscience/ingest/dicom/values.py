"""Typed values of attributes, each checked as it is read; texts never come into a message."""

import re
from dataclasses import dataclass
from math import isfinite
from struct import unpack

from medscience.errors import InputError
from medscience.ingest.dicom.elements import Dataset
from medscience.ingest.dicom.tags import TAGS, named

DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""A decimal string (PS3.5 6.2)."""


@dataclass(frozen=True, slots=True)
class Values:
    """The attributes of a data set, later ones before earlier ones: a frame's own before the shared."""

    layers: tuple[Dataset, ...]
    order: str
    """Byte order, ``<`` or ``>``."""

    def has(self, name: str) -> bool:
        """Whether an attribute is there and not empty."""
        return bool(self._raw(name).strip(b"\0 "))

    def text(self, name: str) -> str:
        """Return a text, empty if there is none; never to be shown."""
        return self._raw(name).decode("latin-1").strip("\0 ")

    def code(self, name: str) -> str:
        """Return a text if it is made of capitals, digits and _, as code strings are; else nothing."""
        text = self.text(name).upper()
        return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""

    def decimals(self, name: str, count: int) -> tuple[float, ...] | None:
        """Return decimal numbers; None if the attribute is absent or empty.

        Raises
        ------
        InputError
            If there is another number of them, or one is no finite number.
        """
        if not self.has(name):
            return None
        parts = [part.strip() for part in self.text(name).split("\\")]
        bad = [part for part in parts if not DECIMAL.fullmatch(part)]
        if len(parts) != count or bad:
            shown = (
                f"{len(bad)} of {len(parts)} that are no decimal number" if bad else f"{len(parts)} numbers"
            )
            raise refused("NUMBER", name, shown, f"{count} finite decimal number{'s' * (count > 1)}")
        numbers = tuple(float(part) for part in parts)
        if not all(map(isfinite, numbers)):
            raise refused("NUMBER", name, "infinity", "finite numbers")
        return numbers

    def decimal(self, name: str) -> float | None:
        """Return one decimal number; None if the attribute is absent or empty."""
        found = self.decimals(name, 1)
        return None if found is None else found[0]

    def loose(self, name: str) -> float | None:
        """Return a number that nothing hangs on: None if it is absent, empty or malformed."""
        read = {"decimal": self.decimal, "double": self.double}.get(TAGS[name][1], self.integer)
        try:
            return read(name)
        except InputError:
            return None

    def integer(self, name: str) -> int | None:
        """Return a whole number from a text or from binary; None if the attribute is absent or empty."""
        if TAGS[name][1] == "binary":
            return self.binary(name)
        text = self.text(name)
        if text and not re.fullmatch(r"[+-]?\d{1,12}", text):
            raise refused("NUMBER", name, "something that is no whole number", "a whole number")
        return int(text) if text else None

    def binary(self, name: str, *, signed: bool = False) -> int | None:
        """Return a binary whole number of 16 or 32 bits."""
        raw = self._raw(name)
        if not raw:
            return None
        if len(raw) not in (2, 4):
            raise refused("NUMBER", name, f"{len(raw)} bytes", "one number of 2 or 4 bytes")
        return int.from_bytes(raw, "big" if self.order == ">" else "little", signed=signed)

    def double(self, name: str) -> float | None:
        """Return a binary floating point number; None if the attribute is absent or empty."""
        raw = self._raw(name)
        if not raw:
            return None
        if len(raw) not in (4, 8):
            raise refused("NUMBER", name, f"{len(raw)} bytes", "one number of 4 or 8 bytes")
        return float(unpack(self.order + ("d" if len(raw) == 8 else "f"), raw)[0])

    def items(self, name: str) -> list[Dataset]:
        """Return the items of a sequence; none if it is absent."""
        for layer in self.layers:
            found = layer.get(TAGS[name][0])
            if isinstance(found, list):
                return found
        return []

    def with_groups(self, groups: Dataset) -> "Values":
        """Return the values with those of functional groups before them."""
        flat: Dataset = {}
        for value in groups.values():
            if isinstance(value, list):
                for item in value:
                    flat |= item
        return Values((flat, *self.layers), self.order)

    def _raw(self, name: str) -> bytes:
        for layer in self.layers:
            found = layer.get(TAGS[name][0])
            if isinstance(found, bytes):
                return found
        return b""


def refused(
    code: str, name: str, found: object, expected: object, fix: str = "export the series again"
) -> InputError:
    """Return the error about an attribute."""
    field = named(TAGS[name][0]) if name in TAGS else name
    return InputError(f"DICOM-{code}", field=field, found=found, expected=expected, fix=fix)
