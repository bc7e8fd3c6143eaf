"""The breathing signal of a scan: a table with a header, in seconds."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Scan
from medscience.errors import InputError
from medscience.ingest.source import Repair

COLUMNS = ("time_s", "amplitude", "phase")
LARGEST_FILE = 64 << 20
LONGEST_GAP = 1.0
"""Seconds between two times of the signal: views within a longer one have no known breathing."""

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Breathing:
    """What is known of each view; NaN where nothing is."""

    time_s: Column | None
    amplitude: Column | None
    phase: Column | None
    """In [0, 1); 0 is the end of an inhalation."""


def read_breathing(path: Path, scan: Scan, views: int, repairs: list[Repair]) -> Breathing:
    """Return the breathing at the time of each view.

    Parameters
    ----------
    path : Path
        A CSV file with the columns ``time_s``, ``amplitude``, ``phase``, two of them at least unless there is
        a row for each view. On a clock of its own it has ``time_s``, and ``views_per_second`` says when the
        views were taken, from time 0.
    scan : Scan
        The acquisition file.
    views : int
        How many rows the geometry has.
    repairs : list of Repair
        Grows by gaps.

    Raises
    ------
    InputError
        If numbers are missing or impossible, times do not grow, or rows cannot be told views.
    """
    table = _read(path)
    if "amplitude" not in table and "phase" not in table:
        raise _refused(path, "columns", ", ".join(table), "amplitude, phase, or both")
    _check(path, table)
    if "amplitude" in table and "phase" not in table and scan.inhale is None:
        raise _refused(
            path,
            "amplitude",
            "a signal of which nobody said where an inhalation ends",
            "inhale: high or low in the acquisition file",
            "set inhale",
        )
    rows = len(table[next(iter(table))])
    if "time_s" in table and scan.views_per_second is not None:
        return _resampled(path, table, np.arange(views) / scan.views_per_second, repairs)
    if rows != views:
        raise _refused(
            path,
            "rows",
            f"{rows}",
            f"{views}, one for each view of the geometry; or time_s, and views_per_second",
            "say when the views were taken",
        )
    columns = [table.get(name) for name in COLUMNS]
    if columns[0] is None and scan.views_per_second is not None:
        columns[0] = np.arange(views) / scan.views_per_second
    if columns[0] is not None:
        _note_gaps(columns[0], repairs)
    return Breathing(*columns)


def _read(path: Path) -> dict[str, Column]:
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8-sig") if size <= LARGEST_FILE else ""
        rows = [
            row for row in csv.reader(text.splitlines(), strict=True) if any(cell.strip() for cell in row)
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise _refused(path, "the file", type(fault).__name__, "a CSV file in UTF-8") from fault
    header = [name.strip() for name in rows[0]] if rows else []
    if not header or len(set(header)) != len(header) or not set(header) <= set(COLUMNS):
        raise _refused(path, "header", ", ".join(header)[:80], f"some of {', '.join(COLUMNS)}, each once")
    table = {}
    for place, name in enumerate(header):
        numbers = np.empty(len(rows) - 1)
        for line, row in enumerate(rows[1:]):
            try:
                numbers[line] = float(row[place]) if len(row) == len(header) else np.nan
            except ValueError:
                numbers[line] = np.nan
        if not len(numbers) or not np.isfinite(numbers).all():
            line = int(np.argmin(np.isfinite(numbers))) + 1 if len(numbers) else 0
            raise _refused(path, name, f"no number in row {line}", "a finite number in every row")
        table[name] = numbers
    return table


def _check(path: Path, table: dict[str, Column]) -> None:
    times, phase = table.get("time_s"), table.get("phase")
    if times is not None and (np.diff(times) <= 0).any():
        row = int(np.argmax(np.diff(times) <= 0)) + 2
        raise _refused(path, "time_s", f"no growth in row {row}", "times that grow, in seconds")
    if phase is not None and (phase.min() < 0 or phase.max() >= 1):
        percent = " (per cent?)" if 1 < phase.max() <= 100 else ""
        found = f"{phase.min():g} to {phase.max():g}{percent}"
        raise _refused(path, "phase", found, "0 or more, less than 1; 0 is the end of an inhalation")


def _resampled(path: Path, table: dict[str, Column], times: Column, repairs: list[Repair]) -> Breathing:
    """Breathing at the views' times, from a signal on a clock of its own."""
    clock = table["time_s"]
    if times[0] < clock[0] or times[-1] > clock[-1]:
        raise _refused(
            path,
            "time_s",
            f"{clock[0]:g} to {clock[-1]:g} s",
            f"all of the scan, {times[0]:g} to {times[-1]:g} s",
            "correct views_per_second, or the clock of the signal",
        )
    after = np.clip(np.searchsorted(clock, times), 1, len(clock) - 1)
    unknown = np.diff(clock)[after - 1] > LONGEST_GAP
    _note_gaps(clock, repairs)
    found: dict[str, Column] = {}
    for name in ("amplitude", "phase"):
        if name in table:
            stored = table[name]
            steady = np.unwrap(stored, period=1) if name == "phase" else stored
            found[name] = np.interp(times, clock, steady)
            if name == "phase":
                found[name] = np.mod(found[name], 1.0) % 1.0
            found[name][unknown] = np.nan
    return Breathing(times, found.get("amplitude"), found.get("phase"))


def _note_gaps(times: Column, repairs: list[Repair]) -> None:
    gaps = np.diff(times)
    if (gaps > LONGEST_GAP).any():
        found = f"{(gaps > LONGEST_GAP).sum()} longer than {LONGEST_GAP:g} s, the longest {gaps.max():.3g} s"
        repairs.append(Repair("BREATHING-GAP", "time_s", found, "views within belong to no phase"))


def _refused(
    path: Path, field: str, found: object, expected: str, fix: str = "correct the breathing file"
) -> InputError:
    name = field.upper().replace(" ", "-").replace("_", "-")
    return InputError(f"BREATHING-{name}", file=path, field=field, found=found, expected=expected, fix=fix)
