"""Why a recording should be looked at: where what was found in its frames does not fit together."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.measure.notes import ellipses_of
from medscience.review.queue import Reason
from medscience.review.reasons import severity

WIDE = 2.0
"""Rings: a count with a wider interval is unsure."""
OFF = 1.0
"""Rings between what was counted in a frame and the motion that was fitted to all frames."""
CLEAR = 0.5
"""Rings, above what frames show at all: a motion so large should have been found."""
HALF_WIDE = 0.30
HALF_STRAY = 0.10
HALF_OFF = 0.05
HALF_MISSED = 0.10
"""Shares of detections, or of moments, that count half."""

Numbers = NDArray[np.float64]


def of_detections(found: pa.Table, notes: pa.Table, grid: Geometry) -> Iterator[Reason]:
    """Yield reasons that single detections give: unsure counts, and ellipses that lie in no antinode.

    Parameters
    ----------
    found : Table
        Of `medscience.detections.SCHEMA`.
    notes : Table
        Of `medscience.measure.notes.NOTES`: the antinodes that were followed.
    grid : Geometry
        Of a frame.
    """
    if not len(found):
        yield Reason("check", 0.9, "nothing was found in any frame")
        return
    column = {name: _numbers(found, name) for name in ("frame", "x", "y", "rings_low", "rings_high")}
    width = column["rings_high"] - column["rings_low"]
    away = _away(column["x"], column["y"], notes)
    checks = (
        ("interval", width, width > WIDE, HALF_WIDE, f"have an interval wider than {WIDE:g} rings"),
        ("stray", np.minimum(away, 99.0), away > 1, HALF_STRAY, "lie in no antinode that was followed"),
    )
    for kind, badness, bad, half, text in checks:
        share = float(bad.mean())
        if share:
            row = int(np.argmax(np.where(bad, badness, -np.inf)))
            place = grid.world((0.0, column["y"][row], column["x"][row]))
            words = f"{int(bad.sum())} of {len(found)} ellipses {text}"
            yield Reason(kind, severity(share, half), words, _triple(place), int(column["frame"][row]))


def of_motion(motion: pa.Table, notes: pa.Table, limit: float, grid: Geometry) -> Iterator[Reason]:
    """Yield, for each antinode, the moments at which counts and fitted motion contradict each other.

    Parameters
    ----------
    motion : Table
        Of `medscience.measure.notes.MOTION`.
    limit : float
        Rings from which on antinodes are found.
    """
    frame, rings = _numbers(motion, "frame"), _numbers(motion, "rings")
    moved, owner = np.abs(_numbers(motion, "displacement_rings")), _numbers(motion, "antinode")
    taken = np.isfinite(frame) & np.isfinite(moved)
    for note in notes.to_pylist():
        mine = taken & (owner == note["antinode"])
        place = _triple(grid.world((0.0, note["y_px"], note["x_px"])))
        off = np.where(mine & np.isfinite(rings), np.abs(rings - moved), 0.0)
        missed = np.where(mine & np.isnan(rings), moved - limit, 0.0)
        checks = (
            ("misfit", off, OFF, HALF_OFF, "were counted otherwise than its motion says"),
            ("missed", missed, CLEAR, HALF_MISSED, "should show it, and it was not found"),
        )
        for kind, badness, least, half, text in checks:
            bad, moments = int((badness > least).sum()), int(mine.sum())
            if bad:
                words = f"antinode {note['antinode']}: {bad} of {moments} frames {text}"
                worst = int(frame[int(np.argmax(badness))])
                yield Reason(kind, severity(bad / moments, half), words, place, worst)


def _away(x: Numbers, y: Numbers, notes: pa.Table) -> Numbers:
    """Return how far places lie from the nearest antinode: 1 on its outline."""
    away = np.full(len(x), np.inf)
    for ellipse in ellipses_of(notes).values():
        away = np.minimum(away, np.hypot(*ellipse.along(y, x)))
    return away


def _numbers(table: pa.Table, name: str) -> Numbers:
    """Return a column as float64, nan where it is empty."""
    return np.array(table[name].to_pylist(), dtype=np.float64)


def _triple(place: Numbers) -> tuple[float, float, float]:
    x, y, z = place.tolist()
    return x, y, z
