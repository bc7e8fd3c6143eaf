"""Whether intervals of ring counts hold as often as they say, and what makes them do so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Antinode
from medscience.detections import Detection
from medscience.measure.ellipses import match

Case = tuple[float, Detection]
"""A true count of rings, and the detection that belongs to it."""

LEAST = 40
"""Cases of a group from which it has a stretch of its own."""

NARROWEST = 0.02
"""Rings to one side: an interval that is less is taken for as much before it is stretched."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the intervals of antinodes with counts in a range do."""

    first: float
    """The range's least true count."""
    last: float
    """And the one before which it ends."""
    cases: int
    covered: float
    """Part of the true counts that lie in their interval; NaN without cases."""
    median_width: float
    """Rings."""


def cases(truth: Sequence[Antinode], found: Sequence[Detection], frame: tuple[int, int]) -> list[Case]:
    """Return the detections of a frame that belong to a true antinode, with its count.

    The interval of a count says nothing of antinodes that were missed, and nothing of false ones.
    """
    pair = truth, [one.antinode for one in found]
    return [(truth[one].rings, found[other]) for one, other in match(pair, frame)]


def coverage(known: Iterable[Case], edges: Sequence[float]) -> list[Coverage]:
    """Return how often intervals hold, for each range of true counts between `edges`.

    Parameters
    ----------
    known : iterable of Case
        From any number of frames.
    edges : sequence of float
        Ends of the ranges, the first and the last too.
    """
    table = _table(known)
    ranges = []
    for first, last in pairwise(edges):
        some = table[(table[:, 0] >= first) & (table[:, 0] < last)]
        true, _, low, high = some.T
        held = (low <= true) & (true <= high)
        ranges.append(
            Coverage(
                first,
                last,
                len(some),
                float(held.mean()) if len(some) else float("nan"),
                float(np.median(high - low)) if len(some) else float("nan"),
            )
        )
    return ranges


def stretch(
    known: Iterable[Case], level: float, edges: Sequence[float], widths: Sequence[float] = ()
) -> list[list[float]]:
    """Return by what each group's own intervals must be stretched to hold in so many of new cases.

    Split conformal prediction in groups: the quantile of what each known case would have needed, with the
    correction for their number (Vovk et al. 2005, Algorithmic Learning in a Random World, section 4.5).

    Parameters
    ----------
    known : iterable of Case
        Of frames from which nothing was learnt, as alike to the new ones as can be.
    level : float
        0.9 for nine of ten.
    edges, widths : sequence of float
        Counts and widths that divide the cases into groups; a group of few cases takes the stretch of all
        widths of its counts.

    Returns
    -------
    list of list of float
        A row for each group of counts, a value for each group of widths.
    """
    table = _table(known)
    true, rings, low, high = table.T
    below, above = np.maximum(rings - low, NARROWEST), np.maximum(high - rings, NARROWEST)
    needed = np.where(true < rings, (rings - true) / below, (true - rings) / above)
    by_count, by_width = np.searchsorted(edges, rings, "right"), np.searchsorted(widths, high - low, "right")
    rows = []
    for group in range(len(edges) + 1):
        mine = by_count == group
        usual = _quantile(needed[mine] if mine.sum() >= LEAST else needed, level)
        cells = [needed[mine & (by_width == number)] for number in range(len(widths) + 1)]
        rows.append([_quantile(cell, level) if len(cell) >= LEAST else usual for cell in cells])
    return rows


def _table(known: Iterable[Case]) -> NDArray[np.float64]:
    """Return the true count, the count, and both ends of the interval of each case."""
    rows = [(true, found.antinode.rings, found.low, found.high) for true, found in known]
    return np.array(rows, dtype=float).reshape(len(rows), 4)


def _quantile(needed: NDArray[np.float64], level: float) -> float:
    if not len(needed):
        return 1.0  # nothing is known: as the network says
    place = min(int(np.ceil((len(needed) + 1) * level)), len(needed)) - 1
    return max(float(np.sort(needed)[place]), 1e-3)
