"""What a layout gives: a row for each sample, or all of its faults at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medscience.config.sheet import PATHS, form_faults
from medscience.errors import ConfigError

LISTED = 20
"""Faults that an error spells out at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sample of a data set."""

    sample: str
    source: Path
    reference: Path | None = None
    split: str = ""


def checked(folder: Path, rows: Sequence[Row], faults: Iterable[str], expected: str) -> tuple[Row, ...]:
    """Return the rows, if nothing is wrong.

    Raises
    ------
    ConfigError
        That names the faults, those of paths that no sheet could hold included; or if there are no rows.
    """
    found = [*faults, *(fault for row in rows for fault in _path_faults(row))]
    if not found and not rows:
        found = ["nothing of it"]
    if found:
        more = f"; and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise ConfigError(
            "COHORT-LAYOUT",
            file=folder,
            field=f"{len(found)} fault{'s' * (len(found) > 1)}",
            found="; ".join(found[:LISTED]) + more,
            expected=expected,
            fix="complete the folder, or name the one in which the data set was unpacked",
        )
    return tuple(rows)


def _path_faults(row: Row) -> Iterable[str]:
    for name, path in zip(PATHS, (row.source, row.reference), strict=False):
        yield from (f"{row.sample}, {name}: {fault}" for fault in form_faults(name, str(path or "")))


def is_file(path: Path) -> bool:
    """Whether there is a plain file that is not empty."""
    return path.is_file() and path.stat().st_size > 0
