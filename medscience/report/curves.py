"""The motion of a note as a drawing: its envelope with the interval, and what was counted in the frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.measure.notes import color_of

WIDTH, HEIGHT = 640, 96
"""Of the drawing, in its own units."""
LEFT, BOTTOM = 34, 16
"""Units for the numbers at its axes."""
POINTS = 160
"""Of a line at most: more than a screen shows of it would make the page heavy."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Paths of a drawing of `WIDTH` by `HEIGHT`, and the numbers at its axes."""

    antinode: int
    color: str
    band: str
    """Where the envelope lies with 90 %."""
    line: str
    dots: str
    """The greatest count in each stretch of time."""
    onset: float | None
    """Where it begins, along x."""
    blow: float | None
    top: float
    """Rings at the upper end."""
    end_ms: float
    """Time at the right end."""


def curves(
    motion: Sequence[dict[str, Any]], onsets: dict[int, float | None], blow_s: float | None
) -> Iterator[Curve]:
    """Yield the drawing of each antinode.

    Parameters
    ----------
    motion : sequence of dict
        Rows of `medscience.measure.notes.MOTION`, those of an antinode together.
    onsets : dict
        Seconds, by the antinode's number.
    blow_s : float, optional
        When the drum was struck.
    """
    for antinode, onset in onsets.items():
        rows = [row for row in motion if row["antinode"] == antinode]
        yield _curve(antinode, rows, onset, blow_s)


def _curve(antinode: int, rows: list[dict[str, Any]], onset: float | None, blow_s: float | None) -> Curve:
    times, counted, middle, low, high = (
        np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
        for name in ("time_s", "rings", "envelope_rings", "envelope_rings_low", "envelope_rings_high")
    )
    end = max(float(times[-1]), 1e-9)
    top = float(np.nanmax([1.0, *counted, *high[np.isfinite(high)]]))

    def x(seconds: Numbers) -> Numbers:
        return LEFT + (WIDTH - LEFT) * seconds / end

    def y(rings: Numbers) -> Numbers:
        return (HEIGHT - BOTTOM) * (1 - rings / top)

    stretches = np.array_split(np.arange(len(times)), min(POINTS, len(times)))
    fitted = np.isfinite(middle).all()
    at = np.array([part[len(part) // 2] for part in stretches])
    highest = [
        part[int(np.nanargmax(counted[part]))] for part in stretches if np.isfinite(counted[part]).any()
    ]
    there = np.concatenate([at, at[::-1]])
    around = np.concatenate([high[at], low[at][::-1]])
    return Curve(
        antinode,
        color_of(antinode),
        _path(x(times[there]), y(around)) + "Z" if fitted else "",
        _path(x(times[at]), y(middle[at])) if fitted else "",
        "".join(f"M{a:.0f} {b:.1f}h0" for a, b in zip(x(times[highest]), y(counted[highest]), strict=True)),
        None if onset is None else float(x(np.array(onset))),
        None if blow_s is None else float(x(np.array(blow_s))),
        top,
        1e3 * end,
    )


def _path(x: Numbers, y: Numbers) -> str:
    return "M" + "L".join(f"{a:.0f} {b:.1f}" for a, b in zip(x, y, strict=True))
