"""The queue: which sample a person should look at first, and where in it."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from medscience.errors import StoreError
from medscience.geometry import Triple
from medscience.store.files import replaced

COLUMNS = ("rank", "sample", "score", "reason", "severity", "text", "x_mm", "y_mm", "z_mm", "frame")


Place = tuple[Triple, int | None]
"""A place and, where there is time, the number of the frame."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a sample should be looked at."""

    kind: str
    """``confidence``, ``seam``, ``mirror``, ``disagreement``, ``volume``, ``check``; of a recording
    ``interval``, ``stray``, ``misfit``, ``missed``."""
    severity: float
    """From 0 to 1."""
    text: str
    """One line for people."""
    place: Triple | None = None
    """Where to look: x, y, z in RAS+ millimetres (in a recording: pixels); None where it is the whole."""
    frame: int | None = None
    """When to look: which of the frames that are stored, from 0; None where there is no time."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sample in the queue, its worst reason first."""

    rank: int
    sample: str
    reasons: tuple[Reason, ...] = ()

    @property
    def score(self) -> float:
        """How much it should be looked at, from 0 to 1: 1 - the product of (1 - severity)."""
        return 1.0 - prod(1.0 - reason.severity for reason in self.reasons)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where and when to look, the worst place first."""
        return tuple((reason.place, reason.frame) for reason in self.reasons if reason.place is not None)


def ranked(found: Iterable[tuple[str, Sequence[Reason]]]) -> tuple[Case, ...]:
    """Return samples as cases, worst first; among equals by name.

    >>> [case.sample for case in ranked([("a", []), ("b", [Reason("seam", 0.5, "seams")])])]
    ['b', 'a']
    """
    cases = [
        Case(0, sample, tuple(sorted(reasons, key=lambda reason: -reason.severity)))
        for sample, reasons in found
    ]
    order = sorted(cases, key=lambda case: (-case.score, case.sample))
    return tuple(Case(rank, case.sample, case.reasons) for rank, case in enumerate(order, start=1))


def write_queue(cases: Iterable[Case], path: Path) -> None:
    """Write a queue as tab-separated text: a row for each reason, or one for a sample without any."""
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(COLUMNS)
        writer.writerows(row for case in cases for row in _rows(case))


def read_queue(path: Path) -> tuple[Case, ...]:
    """Return a queue as it was written, worst first.

    Raises
    ------
    StoreError
        If it is not one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
        found: dict[tuple[int, str], list[Reason]] = {}
        for row in rows:
            found.setdefault((int(row["rank"]), row["sample"]), []).extend(_reasons(row))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as fault:
        raise StoreError(
            "QUEUE-UNREADABLE",
            file=path,
            field="rows",
            found=f"{type(fault).__name__}: {fault}",
            expected=f"the columns {', '.join(COLUMNS)}",
            fix="run medscience queue again",
        ) from fault
    return tuple(Case(rank, sample, tuple(reasons)) for (rank, sample), reasons in found.items())


def _rows(case: Case) -> Iterator[tuple[object, ...]]:
    start = (case.rank, case.sample, f"{case.score:.4f}")
    if not case.reasons:
        yield (*start, *("",) * (len(COLUMNS) - len(start)))
    for reason in case.reasons:
        place = [f"{part:.3f}" for part in reason.place] if reason.place else ["", "", ""]
        frame = "" if reason.frame is None else reason.frame
        yield (*start, reason.kind, repr(round(reason.severity, 6)), reason.text, *place, frame)


def _reasons(row: dict[str, str]) -> Iterator[Reason]:
    if not row["reason"]:
        return
    x, y, z = (row[f"{axis}_mm"] for axis in "xyz")
    place = (float(x), float(y), float(z)) if x else None
    frame = int(row["frame"]) if row["frame"] else None
    yield Reason(row["reason"], float(row["severity"]), row["text"], place, frame)
