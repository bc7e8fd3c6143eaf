"""The sample sheet: a table of tab-separated text, one sample a row.

Columns: sample, track, source; and, where known, reference (labels to compare with), patient, split,
sha256 (of the source), acquisition (a file that says what the source cannot), audio (a WAV file of the same
strike). Where a source leaves something open, series, volume, on_tilt, on_gap and accept say what the options
of ``medscience ingest`` of that name do. Everything is text; nothing is guessed.
"""

import csv
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from medscience.config.yaml import Strict
from medscience.errors import ConfigError

log = logging.getLogger(__name__)

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""Names of samples and models: safe in paths, shells and web pages."""

Track = Literal["brain_mri", "liver_ct", "cbct4d", "steelpan"]

NEEDED = ("sample", "track", "source")
OPTIONAL = ("reference", "patient", "split", "sha256", "acquisition", "audio")
PATHS = ("source", "reference", "acquisition", "audio")
FREE = (*PATHS, "patient", "split")
"""Columns whose cells have no form of their own."""
CHOICES = {
    "series": r"[0-9][0-9.]{0,63}",
    "volume": r"[1-9][0-9]{0,4}",
    "on_tilt": r"refuse|keep|resample",
    "on_gap": r"refuse|resample",
    "accept": r"(single-slice|no-rescale|missing-slices)( (single-slice|no-rescale|missing-slices))*",
}
"""Columns that answer what a source leaves open, and what may stand in them."""
LARGEST_SHEET = 64 << 20
"""Bytes: a few hundred thousand rows."""
UNSEEN = ("Cc", "Zl", "Zp")
"""Unicode's categories of control characters and line separators."""


class Sample(Strict):
    """A row of the sheet."""

    name: str
    track: Track
    source: str
    reference: str | None = None
    patient: str | None = None
    split: str | None = None
    sha256: str | None = None
    series: str | None = None
    volume: str | None = None
    on_tilt: str | None = None
    on_gap: str | None = None
    accept: str | None = None
    acquisition: str | None = None
    audio: str | None = None

    @property
    def options(self) -> list[str]:
        """The options of ``medscience ingest`` that the row's track and choices stand for."""
        answers = [(name, answer) for name in CHOICES for answer in (getattr(self, name) or "").split()]
        chosen = [part for name, answer in answers for part in (f"--{name.replace('_', '-')}", answer)]
        return ["--hounsfield", *chosen] if self.track in {"liver_ct", "cbct4d"} else chosen


def read_sheet(path: Path, *, warn: bool = True) -> tuple[Sample, ...]:
    """Return the samples of a sheet, in its order.

    Parameters
    ----------
    warn : bool
        Tell of samples that name the same source; each source is looked up for that.

    Raises
    ------
    ConfigError
        If the sheet has a fault; the one error names all of them, with their lines. A source that is
        missing or broken is no fault of the sheet: it stops its sample only.
    """
    rows = checked_rows(path, NEEDED, (*OPTIONAL, *CHOICES), _cell_faults)
    if warn:
        _warn_of_sources_named_twice(path, rows)
    return tuple(_sample(cells) for _, cells in rows)


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
        content = path.read_bytes() if path.stat().st_size <= LARGEST_SHEET else None
    except OSError as fault:
        raise _unreadable(path, type(fault).__name__, "a file") from fault
    if content is None:
        raise _unreadable(path, f"more than {LARGEST_SHEET} bytes", "a sheet")
    text = _text(path, content)
    if strange := re.search("[\0\r]", text):
        name = "a NUL byte" if strange[0] == "\0" else "a bare CR"
        line = text.count("\n", 0, strange.start()) + 1
        raise _unreadable(path, f"{name} in line {line}", "plain lines of text, in UTF-8")
    try:
        return list(csv.reader(text.split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    except csv.Error as fault:
        raise _unreadable(path, str(fault), "cells of up to 131072 characters") from fault


def _text(path: Path, content: bytes) -> str:
    """Decode a sheet, its line ends made alike."""
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        found = "UTF-16, which is not UTF-8" if wide else f"a letter that is not UTF-8 in line {line}"
        raise _unreadable(path, found, "UTF-8") from fault


def _header_faults(header: list[str], needed: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[str]:
    known = (*needed, *optional)
    if len(header) < 2:
        other = next((f", perhaps separated by {sign!r}" for sign in ";, " if sign in "".join(header)), "")
        yield f"line 1: {len(header)} column, separated by tabs{other}"
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
        yield from (f"{name}: {fault}" for fault in form_faults(name, cell))
    if not re.fullmatch(NAME, cells["sample"]):
        yield f"sample: {cells['sample']!r} is not made of letters, digits, _ and - (64 at most)"


def _cell_faults(cells: dict[str, str]) -> Iterator[str]:
    yield from name_faults(cells)
    if cells["track"] not in get_args(Track):
        yield f"track: {cells['track']!r} is none of {', '.join(get_args(Track))}"
    if not cells["source"]:
        yield "source: is empty"
    digest = cells.get("sha256", "")
    if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
        yield f"sha256: {digest!r} is not 64 hexadecimal digits"
    for name, pattern in CHOICES.items():
        if cells.get(name) and not re.fullmatch(pattern, cells[name]):
            yield f"{name}: {cells[name]!r} is none of the answers that medscience ingest knows"


def form_faults(name: str, cell: str) -> Iterator[str]:
    """Yield what no cell of free text may hold, and no path."""
    if name in FREE and cell != cell.strip(" "):
        yield "begins or ends with a blank"
    if name in FREE and any(unicodedata.category(sign) in UNSEEN for sign in cell):
        yield "holds a control character"
    if name in PATHS and "://" in cell:
        yield "an address, not a file or folder on this machine"
    if name in PATHS and cell.startswith("~"):
        yield "begins with ~, which only a shell takes for a home folder"


def _warn_of_sources_named_twice(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> None:
    """Tell of samples that would be measured twice under two names."""
    lines: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for line, cells in rows:
        parts = [cells.get(name, "") for name in CHOICES]  # a folder may hold several series
        lines[Path(cells["source"]).absolute().resolve(), *parts].append(str(line))
    for twice in (found for found in lines.values() if len(found) > 1):
        log.warning("SHEET-SAME-SOURCE  %s: lines %s name the same source", path, ", ".join(twice))


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
