"""The sample sheet: a table of tab-separated text, one sample a row.

Columns: sample, track, source; and, where known, reference (labels to compare with), patient, split,
sha256 (of the source). Everything is text; nothing is guessed.
"""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

from medscience.config.yaml import Strict
from medscience.errors import ConfigError

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""Names of samples and models: safe in paths, shells and web pages."""

Track = Literal["brain_mri", "liver_ct", "cbct4d", "steelpan"]

NEEDED = ("sample", "track", "source")
OPTIONAL = ("reference", "patient", "split", "sha256")
LARGEST_SHEET = 64 << 20
"""Bytes: a few hundred thousand rows."""


class Sample(Strict):
    """A row of the sheet."""

    name: str
    track: Track
    source: str
    reference: str | None = None
    patient: str | None = None
    split: str | None = None
    sha256: str | None = None


def read_sheet(path: Path) -> tuple[Sample, ...]:
    """Return the samples of a sheet, in its order.

    Raises
    ------
    ConfigError
        If the sheet has a fault; the one error names all of them, with their lines. A source that is
        missing or broken is no fault of the sheet: it stops its sample only.
    """
    return tuple(_sample(cells) for _, cells in checked_rows(path, NEEDED, OPTIONAL, _cell_faults))


def checked_rows(
    path: Path,
    needed: tuple[str, ...],
    optional: tuple[str, ...],
    cell_faults: Callable[[dict[str, str]], Iterator[str]],
) -> list[tuple[int, dict[str, str]]]:
    """Return the line number and the cells of every row of a sheet, by column.

    Parameters
    ----------
    needed, optional : tuple of str
        Columns that must, and that may be there; `sample` is one of the needed, and names no row twice.
    cell_faults : callable
        Yields what is wrong with the cells of a row; begins with `name_faults`.

    Raises
    ------
    ConfigError
        If there is a fault; the one error names all of them, with their lines.
    """
    rows = _rows(path)
    header = rows[0] if rows else []
    faults = list(_header_faults(header, needed, optional))
    if not faults:
        faults = list(_row_faults(header, rows[1:], cell_faults))
    if faults:
        raise ConfigError(
            "SHEET-INVALID",
            file=path,
            field=f"{len(faults)} fault{'s' * (len(faults) > 1)}",
            found="; ".join(faults),
            expected=f"tab-separated columns {', '.join(needed)} and perhaps {', '.join(optional)}",
            fix="correct the sheet",
        )
    lines = enumerate(rows[1:], start=2)
    return [(line, dict(zip(header, row, strict=True))) for line, row in lines if any(row)]


def _rows(path: Path) -> list[list[str]]:
    """The cells of the sheet as text."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as fault:
        raise _unreadable(path, type(fault).__name__, "a file") from fault
    except UnicodeDecodeError as fault:
        raise _unreadable(path, f"a byte that is not UTF-8 at {fault.start}", "UTF-8") from fault
    if len(content) > LARGEST_SHEET or "\0" in text or re.search(r"\r(?!\n)", text):
        raise _unreadable(path, "NUL, bare CR, or too much of it", "plain lines of text")
    try:
        lines = text.replace("\r\n", "\n").split("\n")
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    except csv.Error as fault:
        raise _unreadable(path, str(fault), "cells of up to 131072 characters") from fault


def _header_faults(header: list[str], needed: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[str]:
    known = (*needed, *optional)
    if len(header) < 2:
        yield f"line 1: {len(header)} column, separated by tabs"
        return
    for name in needed:
        if name not in header:
            yield f"line 1: no column {name!r}"
    for name in dict.fromkeys(header):
        if name not in known:
            yield f"line 1: unknown column {name!r}"
        if header.count(name) > 1:
            yield f"line 1: column {name!r} twice"


def _row_faults(
    header: list[str], rows: list[list[str]], cell_faults: Callable[[dict[str, str]], Iterator[str]]
) -> Iterator[str]:
    seen: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        if not any(row):
            continue
        if len(row) != len(header):
            yield f"line {line}: {len(row)} cells under {len(header)} columns"
            continue
        cells = dict(zip(header, row, strict=True))
        yield from (f"line {line}, {fault}" for fault in cell_faults(cells))
        first = seen.setdefault(cells["sample"].casefold(), line)
        if first != line:
            yield f"line {line}, sample: {cells['sample']!r} stands in line {first} already"


def name_faults(cells: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with the sample's name, and with cells that look quoted."""
    for name, cell in cells.items():
        if cell.startswith('"'):
            yield f"{name}: begins with a quotation mark, but cells are taken as they stand"
    if not re.fullmatch(NAME, cells["sample"]):
        yield f"sample: {cells['sample']!r} is not made of letters, digits, _ and - (64 at most)"


def _cell_faults(cells: dict[str, str]) -> Iterator[str]:
    yield from name_faults(cells)
    if cells["track"] not in get_args(Track):
        yield f"track: {cells['track']!r} is none of {', '.join(get_args(Track))}"
    if not cells["source"].strip():
        yield "source: is empty"
    elif "://" in cells["source"]:
        yield "source: an address, not a file or folder on this machine"
    digest = cells.get("sha256", "")
    if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
        yield f"sha256: {digest!r} is not 64 hexadecimal digits"


def _sample(cells: dict[str, str]) -> Sample:
    given = {"name" if key == "sample" else key: value for key, value in cells.items() if value}
    return Sample.model_validate(given)


def _unreadable(path: Path, found: str, expected: str) -> ConfigError:
    return ConfigError(
        "SHEET-UNREADABLE",
        file=path,
        field="the sheet",
        found=found,
        expected=expected,
        fix="save it as tab-separated UTF-8 text",
    )
