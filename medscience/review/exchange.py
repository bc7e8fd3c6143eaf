"""Verdicts as files for others: JSON, and CSV that a spreadsheet shows and does not run.

Both hold whole entries with their digests, so that a verdict that was altered on the way is refused. A CSV
that a spreadsheet saved again, with other numbers or times in its cells, is one of those.
"""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from medscience.errors import InputError
from medscience.review.entry import COLUMNS, Entry, entry_of, row_of

FORMAT = "medscience-reviews-1"
LARGEST = 256 << 20
"""Bytes of a file."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that gets an apostrophe before it: what a spreadsheet would run, and an apostrophe."""


def to_json(entries: Iterable[Entry]) -> str:
    """Return entries as JSON."""
    rows = [dict(zip(COLUMNS, row_of(entry), strict=True)) for entry in entries]
    return json.dumps({"format": FORMAT, "verdicts": rows}, indent=1) + "\n"


def to_csv(entries: Iterable[Entry]) -> str:
    """Return entries as comma-separated text."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # a bare CR too
    writer.writerow(COLUMNS)
    writer.writerows([_guarded(value) for value in row_of(entry)] for entry in entries)
    return file.getvalue()


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Return the entries in a file that `to_json` or `to_csv` wrote, in its order.

    Raises
    ------
    InputError
        If it is too large, is of another form, or an entry is not as it was written.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except OSError as fault:
        raise _refused(path, "file", type(fault).__name__, "a file that can be read") from fault
    if content is None:
        raise _refused(path, "size", f"more than {LARGEST} bytes", "an export of verdicts")
    rows = _json_rows(path, content) if path.suffix == ".json" else _csv_rows(path, content)
    return tuple(_entry(path, number, row) for number, row in enumerate(rows, start=1))


def _json_rows(path: Path, content: bytes) -> list[list[Any]]:
    try:
        parsed = json.loads(content, parse_constant=_no_number, object_pairs_hook=_once)
        if set(parsed) != {"format", "verdicts"} or parsed["format"] != FORMAT:
            raise ValueError("no export of verdicts")
        rows = parsed["verdicts"]
        if any(set(row) != set(COLUMNS) for row in rows):
            raise ValueError("other keys than a verdict's")
        return [[row[name] for name in COLUMNS] for row in rows]
    except (ValueError, TypeError, RecursionError, UnicodeDecodeError) as fault:
        raise _refused(path, "JSON", f"{type(fault).__name__}: {fault}", f"the form {FORMAT}") from fault


def _csv_rows(path: Path, content: bytes) -> list[list[Any]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
        if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
            raise ValueError("other columns")
        return [_typed(dict(zip(COLUMNS, map(_plain, row), strict=True))) for row in rows[1:]]
    except (ValueError, UnicodeDecodeError, csv.Error) as fault:
        expected = f"comma-separated UTF-8 with the columns {', '.join(COLUMNS)}"
        raise _refused(path, "CSV", f"{type(fault).__name__}: {fault}", expected) from fault


def _typed(cells: dict[str, Any]) -> list[Any]:
    numbers = {
        "sequence": int(cells["sequence"]),
        "seconds": float(cells["seconds"]),
        "blind": int(cells["blind"]),
    }
    return [(cells | numbers)[name] for name in COLUMNS]


def _entry(path: Path, number: int, row: list[Any]) -> Entry:
    try:
        entry = entry_of(row)
    except (TypeError, ValueError, RecursionError):  # values of other types than ours
        entry = None
    if entry is None:
        raise _refused(
            path, f"verdict {number}", "one that does not match its own digest", "it as it was saved"
        )
    return entry


def _guarded(value: object) -> object:
    """Return a cell that is text, so that no spreadsheet takes it for a formula.

    >>> [_guarded(value) for value in ("=1+1", "'quoted'", "plain", -2.5)]
    ["'=1+1", "''quoted'", 'plain', -2.5]
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _plain(cell: str) -> str:
    """Undo `_guarded`."""
    return cell[1:] if cell.startswith("'") else cell


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that stands twice")
    return found


def _refused(path: Path, field: str, found: object, expected: str) -> InputError:
    return InputError(
        "REVIEWS-FORM",
        file=path,
        field=field,
        found=str(found)[:200],
        expected=expected,
        fix="export them again: medscience review export",
    )
