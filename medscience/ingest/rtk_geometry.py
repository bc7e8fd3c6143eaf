"""RTK's geometry files: XML with what is the same for all views first, and a block for each view.

Written by RTK's programs and by its converters from scanners' own formats (``RTKThreeDCircularGeometry``,
version 3). The XML is read without following or expanding anything.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, about
from medscience.views import MOST_VIEWS, Views

ROOT, VIEW, VERSION = "RTKThreeDCircularGeometry", "Projection", "3"
LARGEST_FILE = 128 << 20
"""Bytes; a view takes about one kilobyte."""
LONGEST_TEXT = 4096
"""Letters between two tags."""
NAMES = {
    "gantry_deg": "GantryAngle",
    "source_to_isocentre": "SourceToIsocenterDistance",
    "source_to_detector": "SourceToDetectorDistance",
    "detector_u": "ProjectionOffsetX",
    "detector_v": "ProjectionOffsetY",
    "source_u": "SourceOffsetX",
    "source_v": "SourceOffsetY",
    "out_of_plane_deg": "OutOfPlaneAngle",
    "in_plane_deg": "InPlaneAngle",
}
"""RTK's names of the numbers of a view."""
NEEDED = {"GantryAngle", "SourceToIsocenterDistance", "SourceToDetectorDistance"}
"""The others are 0 where they are absent."""
PLAIN = {"RadiusCylindricalDetector": 0.0}
"""What may be said if it says nothing."""
MATRIX = "Matrix"
LARGEST_DIFFERENCE = 1e-3
"""Of a matrix from that of the numbers, relative to its largest entry."""


def read_geometry(path: Path) -> Views:
    """Return the views of a geometry file.

    Parameters
    ----------
    path : Path
        Of any name.

    Returns
    -------
    Views
        In the file's order, which is that of the projections. Values are those that the file states, angles
        not wrapped.

    Raises
    ------
    InputError
        If it is not plain XML of the version that we know, or a matrix contradicts the numbers beside it.
    GeometryError
        If the numbers cannot be those of a scanner.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise _refused(path, "size", f"{size} bytes", f"at most {LARGEST_FILE}")
    content = _Content(path)
    content.parse(path.read_bytes())
    with about(path):
        views = Views(*(content.column(NAMES[field.name]) for field in fields(Views)))
    _check_matrices(path, views, content.matrices)
    return views


def write_geometry(path: Path, views: Views) -> None:
    """Write views as RTK does: what is the same for all of them once, before the first."""
    same = {name for name, column in views.columns.items() if (column == column[0]).all()} - {"gantry_deg"}
    lines = ['<?xml version="1.0"?>', "<!DOCTYPE RTKGEOMETRY>", f'<{ROOT} version="{VERSION}">']
    lines += [_element(name, views.columns[name][0]) for name in NAMES if name in same]
    for n, matrix in enumerate(views.matrices()):
        lines.append(f"  <{VIEW}>")
        lines += [_element(name, views.columns[name][n]) for name in NAMES if name not in same]
        lines += [f"    <{MATRIX}>", *("      " + " ".join(map(repr, row)) for row in matrix.tolist())]
        lines += [f"    </{MATRIX}>", f"  </{VIEW}>"]
    path.write_text("\n".join([*lines, f"</{ROOT}>", ""]), "ascii")


def _element(name: str, value: float) -> str:
    return f"    <{NAMES[name]}>{float(value)!r}</{NAMES[name]}>"


class _Content:
    """What a parser has found so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.common: dict[str, float] = {}
        self.views: list[dict[str, float]] = []
        self.matrices: list[NDArray[np.float64] | None] = []
        self._open: list[str] = []
        self._text = ""
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = lambda *_: self._forbidden("an entity")
        self._parser.ExternalEntityRefHandler = self._external
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def parse(self, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)  # noqa: FBT003 - expat's signature: this is all
        except expat.ExpatError as fault:
            found = f"{expat.errors.messages[fault.code]} in line {fault.lineno}"
            raise self.refused("XML", found, "a whole XML file") from fault
        if not self.views:
            raise self.refused(VIEW, "nothing", "one for each view")

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the number of each view; those that belong to all stand in for what a view leaves out."""
        if name in NEEDED and name not in self.common:
            lacking = next((n for n, view in enumerate(self.views) if name not in view), None)
            if lacking is not None:
                raise self.refused(name, f"nothing in view {lacking}", "a number")
        return np.array([view.get(name, self.common.get(name, 0.0)) for view in self.views])

    def refused(self, field: str, found: object, expected: str) -> InputError:
        return _refused(self.path, field, found, expected)

    def _forbidden(self, what: str) -> None:
        raise self.refused("XML", f"{what} declared", "plain XML without declarations")

    def _external(self, *_: str | None) -> int:
        self._forbidden("another file")
        return 0

    def _doctype(self, _name: str, system: Any, public: Any, inside: int) -> None:  # noqa: ANN401
        if system or public or inside:
            self._forbidden("a document type with content")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth, self._text = len(self._open), ""
        self._open.append(name)
        if depth == 0:
            if name != ROOT or attributes.get("version") != VERSION:
                found = f"<{name} version={attributes.get('version', 'absent')}>"[:80]
                raise self.refused("version", found, f"<{ROOT} version={VERSION}>")
        elif name == VIEW and depth == 1:
            if len(self.views) == MOST_VIEWS:
                raise self.refused(VIEW, f"more than {MOST_VIEWS}", "as many as a scan has")
            self.views.append({})
            self.matrices.append(None)
        elif depth > 2 or name not in {*NAMES.values(), *PLAIN, MATRIX}:
            raise self.refused("element", f"<{name}>"[:80], "those that RTK writes for a flat, open detector")

    def _characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > LONGEST_TEXT:
            raise self.refused(self._open[-1], f"more than {LONGEST_TEXT} letters", "numbers")

    def _end(self, name: str) -> None:
        self._open.pop()
        if name in {ROOT, VIEW}:
            if self._text.strip():
                raise self.refused(name, "text between its elements", "elements only")
        elif name == MATRIX:
            numbers = self._numbers(name, 12)
            if self._open[-1] != VIEW or self.matrices[-1] is not None:
                raise self.refused(name, "a matrix of no view, or a second one", "one for each view")
            self.matrices[-1] = numbers.reshape(3, 4)
        else:
            self._keep(name, float(self._numbers(name, 1)[0]))
        self._text = ""

    def _keep(self, name: str, value: float) -> None:
        if value != PLAIN.get(name, value):
            raise self.refused(name, value, f"{PLAIN[name]:g}: a flat detector")
        place = self.views[-1] if self._open[-1] == VIEW else self.common
        if name in place or (place is self.common and self.views):
            raise self.refused(name, "it twice, or after the first view", "it once")
        place[name] = value

    def _numbers(self, name: str, count: int) -> NDArray[np.float64]:
        try:
            numbers = np.array([float(word) for word in self._text.split()])
        except ValueError:
            numbers = np.array([])
        if len(numbers) != count or not np.isfinite(numbers).all():
            found = " ".join(self._text.split())[:40]
            raise self.refused(name, found, f"{count} finite number{'s' * (count > 1)}")
        return numbers


def _check_matrices(path: Path, views: Views, matrices: list[NDArray[np.float64] | None]) -> None:
    """Refuse a file whose matrices say something else than its numbers."""
    for n, (stated, ours) in enumerate(zip(matrices, views.matrices(), strict=True)):
        if stated is None:
            continue
        difference = np.abs(stated - ours).max() / np.abs(ours).max()
        if not difference <= LARGEST_DIFFERENCE:
            found = f"one of view {n} that differs by {difference:.2g} of its largest entry"
            raise _refused(path, MATRIX, found, "that of the angles, distances and offsets beside it")


def _refused(path: Path, field: str, found: object, expected: str) -> InputError:
    return InputError(
        f"GEOMETRY-{field.upper()}",
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="write the geometry file again with RTK",
    )
