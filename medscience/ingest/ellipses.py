"""People's and networks' ellipses from the published CSV forms, which have no header.

Labels of one frame: ``cx,cy,a,b,angle,rings``. Tables of many, the Zooniverse aggregate and SPNet's
predictions: ``cx,cy,filename,rings,a,b,angle``. Pixels, half axes, degrees anticlockwise on the screen;
lines end in LF, CR or both. A row of zeros says that a frame has no antinode, and so does a blank file.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from medscience.antinode import Antinode, Ellipse
from medscience.errors import InputError
from medscience.ingest.source import Repair

FRAME = (384, 512)
"""Height and width of the published frames."""

LARGEST_FILE = 1 << 26
"""Bytes; 14,000 frames have less than one million."""

LARGEST, SMALLEST = 1e6, 1e-3
"""Pixels; what is beyond is no ellipse in a frame, and would not be computed well."""

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]{1,3})?", re.I)

LABEL_COLUMNS = ("cx", "cy", "a", "b", "angle", "rings")
TABLE_COLUMNS = ("cx", "cy", "filename", "rings", "a", "b", "angle")


@dataclass(frozen=True, slots=True)
class Labels:
    """The antinodes of each frame of a file, by the name that the file gives it."""

    frames: dict[str, list[Antinode]]
    """A frame of which the file says that it has none has an empty list."""
    repairs: list[Repair] = field(default_factory=list)


def read_labels(path: Path, frame: tuple[int, int] = FRAME) -> Labels:
    """Return the ellipses of one frame; its name is the file's, without the ending.

    Parameters
    ----------
    frame : tuple of int
        Height and width of the picture; an ellipse that lies wholly outside is refused.

    Raises
    ------
    InputError
        If a row has other columns, is no ellipse, or lies outside; the error names the row.
    """
    rows = ((number, path.stem, row) for number, row in _rows(path, LABEL_COLUMNS))
    return _collect(path, rows, frame, {path.stem: []})


def read_table(
    path: Path, frame: tuple[int, int] = FRAME, incomplete: Literal["refuse", "drop"] = "refuse"
) -> Labels:
    """Return the ellipses of many frames, from a Zooniverse aggregate or SPNet's predictions.

    Names of the Zooniverse aggregate end in ``.bmp.png`` or ``bmp.png`` where the published frame ends in
    ``.png``: they are put right, as SPNet does.

    Parameters
    ----------
    incomplete : str
        What to do with rows in which a number is missing or NaN: SPNet's own scripts drop them.

    Raises
    ------
    InputError
        As `read_labels`, and if a name is empty or leads elsewhere.
    """
    dropped: list[int] = []
    renamed: set[str] = set()

    def named() -> Iterator[tuple[int, str, dict[str, str]]]:
        for number, row in _rows(path, TABLE_COLUMNS):
            name = row.pop("filename")
            if not name or name != Path(name).name or NUMBER.fullmatch(name):
                raise _refused(
                    path, number, "NAME", "filename", name, "the name of a frame, without a folder"
                )
            if incomplete == "drop" and any(value.lower() in ("", "nan") for value in row.values()):
                dropped.append(number)
                continue
            plain = re.sub(r"\.?bmp\.png$", ".png", name)
            renamed.update({name} - {plain})
            yield number, plain, row

    labels = _collect(path, named(), frame, {})
    if dropped:
        found = f"{len(dropped)} without all numbers, the first is {dropped[0]}"
        labels.repairs.append(Repair("ELLIPSE-INCOMPLETE", "rows", found, "left out"))
    if renamed:
        found = f"{len(renamed)} end in bmp.png"
        labels.repairs.append(Repair("ELLIPSE-NAME", "filename", found, "end in .png"))
    return labels


def _collect(
    path: Path,
    rows: Iterator[tuple[int, str, dict[str, str]]],
    frame: tuple[int, int],
    frames: dict[str, list[Antinode]],
) -> Labels:
    """Check every row; leave out repeated ones, and ellipses without a ring."""
    twice: list[int] = []
    empty: list[int] = []
    for number, name, row in rows:
        members = frames.setdefault(name, [])
        values = {key: _number(path, number, key, text) for key, text in row.items()}
        if not any(values[key] for key in ("a", "b", "rings")):
            continue
        antinode = _antinode(path, number, values, frame)
        if antinode in members:
            twice.append(number)
        elif not antinode.rings:
            empty.append(number)
        else:
            members.append(antinode)
    faults = (("DUPLICATE", twice, "said before"), ("NO-RINGS", empty, "without a ring"))
    return Labels(
        frames,
        [
            Repair(f"ELLIPSE-{code}", "rows", f"{len(at)} {words}, the first is {at[0]}", "left out")
            for code, at, words in faults
            if at
        ],
    )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each row that is not blank, and its values by column."""
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8-sig") if size <= LARGEST_FILE else ""
    except UnicodeDecodeError as fault:
        raise _refused(path, 0, "TEXT", "the file", "other bytes", "UTF-8 text") from fault
    if size > LARGEST_FILE or "\0" in text:
        raise _refused(path, 0, "TEXT", "the file", f"{size} bytes", f"text of at most {LARGEST_FILE} bytes")
    for number, line in enumerate(text.split("\n"), start=1):
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if not any(cells):
            continue
        if number == 1 and {cell.lower() for cell in cells} & {"cx", "x", "a", "rx", "angle", "rings"}:
            raise _refused(path, 1, "HEADER", "columns", ",".join(cells), "no header line")
        if len(cells) != len(columns):
            raise _refused(path, number, "COLUMNS", "columns", len(cells), ",".join(columns))
        yield number, dict(zip(columns, cells, strict=True))


def _number(path: Path, row: int, column: str, text: str) -> float:
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    if abs(value) > LARGEST:
        raise _refused(path, row, "NUMBER", column, text or "nothing", f"a number within {LARGEST:g}")
    return value


def _antinode(path: Path, row: int, values: dict[str, float], frame: tuple[int, int]) -> Antinode:
    """Return a row's antinode; axes may come in either order, and angles in any turn."""
    for axis in ("a", "b"):
        if values[axis] < SMALLEST:
            raise _refused(path, row, "AXIS", axis, values[axis], f"a half axis of {SMALLEST} pixels or more")
    if values["rings"] < 0:
        raise _refused(path, row, "RINGS", "rings", values["rings"], "0 or more")
    ellipse = Ellipse.of(*(values[key] for key in ("cx", "cy", "a", "b", "angle")))
    if ellipse.inside(frame) <= 0:
        place = f"{values['cx']:g}, {values['cy']:g}"
        expected = f"an ellipse that reaches into the {frame[1]} x {frame[0]} pixels of the frame"
        raise _refused(path, row, "OUTSIDE", "cx, cy", place, expected)
    return Antinode(ellipse, values["rings"])


def _refused(path: Path, row: int, code: str, what: str, found: object, expected: str) -> InputError:
    return InputError(
        f"ELLIPSE-{code}",
        file=path,
        field=f"row {row}, {what}" if row else what,
        found=found,
        expected=expected,
        fix="correct the row or leave it out" if row else "export the table again",
    )
