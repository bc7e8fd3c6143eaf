"""Which detections of many frames are the same antinode: a drum's antinodes keep their place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Ellipse

NEAR = 0.45
"""Two detections speak of one antinode if their centres are closer than this part of their mean radius."""
LEAST = 14
"""An antinode is found in so many frames at least, or in `RARE` of all of them; what is rarer is chance."""
RARE = 0.02
VOTERS = 2000
"""So many detections at most, evenly over time, are asked where antinodes are; all are linked to them."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in all frames of a recording; arrays of one length."""

    frame: NDArray[np.int64]
    """Number of the stored frame, from 0."""
    ellipse: Numbers
    """Shape (n, 5): x, y, a, b, angle, as in `medscience.antinode.Ellipse`."""
    rings: Numbers
    low: Numbers
    """Ends of the interval that holds the count with a probability of 90 %."""
    high: Numbers
    score: Numbers

    def __len__(self) -> int:
        return len(self.frame)

    def of(self, rows: NDArray[np.int64]) -> "Detections":
        """Return some of the rows, in their order."""
        return Detections(*(getattr(self, name)[rows] for name in self.__slots__))

    def sorted(self) -> "Detections":
        """Return the rows in the order of their frames and places: whatever order they came in."""
        keys = (self.score, self.rings, *self.ellipse.T[::-1], self.frame)
        return self.of(np.lexsort(keys))


@dataclass(frozen=True, slots=True)
class Trace:
    """One antinode through time."""

    ellipse: Ellipse
    """Medians of its detections; the mean direction of the longer axis."""
    centre_px: float
    """Spread of the centres, and of the half axes: median absolute deviations times 1.4826."""
    axes_px: float
    rows: NDArray[np.int64]
    """Rows of the sorted detections, one for each frame in which it was found, in the order of time."""


def link(detections: Detections, frames: int) -> list[Trace]:
    """Return the antinodes of a recording, the one that was found most often first.

    The detection with the most others near it says where an antinode is; the median of those near it is its
    ellipse, and all that is near that ellipse belongs to it. This is repeated with what is left. If
    a frame has two detections for one antinode, the surest counts.

    Parameters
    ----------
    detections : Detections
        Sorted (`Detections.sorted`); the order of the rows then makes no difference.
    frames : int
        Number of frames that were looked at.
    """
    free = np.ones(len(detections), dtype=bool)
    least = max(LEAST, RARE * frames)
    traces = []
    for seed in _seeds(detections):
        if not free[seed]:
            continue
        members = _members(detections, seed, free)
        free[members] = False
        rows = _surest_of_each_frame(detections, members)
        if len(rows) >= least:
            traces.append(_trace(detections, rows))
    return sorted(traces, key=lambda trace: (-len(trace.rows), trace.ellipse.x, trace.ellipse.y))


def _seeds(detections: Detections) -> Iterator[int]:
    """Yield the free voters, the one with the most free voters near it first."""
    count = len(detections)
    voters = np.unique(np.linspace(0, count - 1, min(count, VOTERS)).round().astype(int))
    near = np.array([_near(detections, voters, detections.ellipse[voter]) for voter in voters])
    left = np.ones(len(voters), dtype=bool)
    while left.any():
        best = int(np.argmax(np.where(left, near[:, left].sum(axis=1), -1)))
        yield int(voters[best])
        left &= ~near[best]
        left[best] = False


def _members(detections: Detections, seed: int, free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the free rows near the median of those near the seed."""
    rows = np.flatnonzero(free)
    around = rows[_near(detections, rows, detections.ellipse[seed])]
    middle = np.median(detections.ellipse[around], axis=0)
    near = rows[_near(detections, rows, middle)]
    return np.union1d(near, [seed])


def _near(detections: Detections, rows: NDArray[np.int64], place: Numbers) -> NDArray[np.bool_]:
    x, y, a, b, _ = detections.ellipse[rows].T
    return np.asarray(np.hypot(x - place[0], y - place[1]) <= NEAR * (a * b * place[2] * place[3]) ** 0.25)


def _surest_of_each_frame(detections: Detections, members: NDArray[np.int64]) -> NDArray[np.int64]:
    order = members[np.lexsort((-detections.score[members], detections.frame[members]))]
    _, first = np.unique(detections.frame[order], return_index=True)
    return order[first]


def _trace(detections: Detections, rows: NDArray[np.int64]) -> Trace:
    places = detections.ellipse[rows]
    x, y, a, b = (middle := np.median(places[:, :4], axis=0)).tolist()
    spread = 1.4826 * np.median(np.abs(places[:, :4] - middle), axis=0)
    long = places[:, 2] - places[:, 3] + 1e-9 * places[:, 2]
    mean = (long * np.exp(2j * np.radians(places[:, 4]))).sum()
    ellipse = Ellipse.of(x, y, a, b, float(np.degrees(np.angle(mean)) / 2))
    return Trace(ellipse, float(np.hypot(*spread[:2])), float(spread[2:].max()), rows)
