"""The table of what a detector found in a recording: a row for each antinode of each frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from medscience.antinode import Antinode, Ellipse

NUMBERS = ("time_s", "x", "y", "a", "b", "angle", "rings", "rings_low", "rings_high", "score")

FIELDS: "list[pa.Field[Any]]" = [
    pa.field("frame", pa.int64()),
    *(pa.field(name, pa.float64()) for name in NUMBERS),
]

SCHEMA = pa.schema(FIELDS)
"""Columns of the table. `frame` counts the frames that are stored, from 0; `time_s` is `Meaning.times` of it,
lost frames included, and empty where the recording has no clock. The ellipse is that of
`medscience.antinode.Ellipse`: pixels and degrees. Rows are sorted by frame, the surest first; a frame in
which nothing was found has none."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An antinode that was found in a frame."""

    antinode: Antinode
    low: float
    """Rings at the lower end of the interval in which 90 % of such antinodes have their count."""
    high: float
    frame: int = 0
    time_s: float | None = None

    @property
    def width(self) -> float:
        """Of the interval, in rings."""
        return self.high - self.low

    def row(self) -> dict[str, Any]:
        """Return the values of a row by column."""
        ellipse, found = self.antinode.ellipse, self.antinode
        return {
            "frame": self.frame,
            "time_s": self.time_s,
            **{name: getattr(ellipse, name) for name in ("x", "y", "a", "b", "angle")},
            "rings": found.rings,
            "rings_low": self.low,
            "rings_high": self.high,
            "score": found.score,
        }


def as_table(detections: Iterable[Detection]) -> pa.Table:
    """Return detections as a table of `SCHEMA`."""
    return pa.Table.from_pylist([detection.row() for detection in detections], SCHEMA)


def from_table(table: pa.Table) -> Sequence[Detection]:
    """Return the detections of a table of `SCHEMA`."""
    return [
        Detection(
            Antinode(
                Ellipse(*(row[name] for name in ("x", "y", "a", "b", "angle"))), row["rings"], row["score"]
            ),
            row["rings_low"],
            row["rings_high"],
            row["frame"],
            row["time_s"],
        )
        for row in table.to_pylist()
    ]


def frames_that_differ(table: pa.Table, other: pa.Table) -> set[int]:
    """Return the frames in which two tables of `SCHEMA` do not hold the same."""
    frames: list[dict[int, list[object]]] = [{}, {}]
    for found, rows in zip(frames, (table, other), strict=True):
        for row in rows.to_pylist():
            found.setdefault(row["frame"], []).append(row)
    one, two = frames
    return {frame for frame in one.keys() | two.keys() if one.get(frame) != two.get(frame)}
