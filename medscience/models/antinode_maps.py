"""Between the antinodes of a frame and the maps of `medscience.models.fringe.Fringe`.

An ellipse is written as the logarithm of its covariance: that of its mean half axis, and that of the ratio of
its half axes along cos 2θ and sin 2θ. Every three numbers are an ellipse, near ones are near numbers, and a
circle is no special case (Arsigny et al. 2006, doi:10.1002/mrm.20965).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection
from medscience.models.fringe import CELL, SHAPE_MAPS, peaks
from medscience.models.unroll import USUAL

STEP = 0.25
"""Rings between two counts that are told apart."""

SPREAD = 0.2
"""Rings: standard deviation of the wanted distribution around the true count."""

CORE = 0.25
"""Size of the middle that is looked for, as a part of the ellipse: a normal law's standard deviation."""

NEAR = 0.2
"""Cells where the middle's map is less are not asked for the ellipse."""

TWICE = 0.6
"""Middles that are closer, in units of the surer ellipse, are of one antinode."""

TAILS = (0.05, 0.95)
"""Of the distribution of the count, outside of which its interval ends."""

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the network should answer for a frame; (Y, X) are cells."""

    middle: Map
    """Shape (Y, X): 1 in the cell of each antinode's middle, and less around it."""
    weight: Map
    """Shape (Y, X): how much a cell's ellipse and rings count; the sum over each antinode is 1."""
    shape: Map
    """Shape (5, Y, X): offset in cells along x and y, and the logarithm of the ellipse."""
    size: Map
    """Shape (Y, X): mean half axis in cells, by which offsets are measured."""
    rings: Map
    """Shape (counts, Y, X): the distribution of the count."""


def log_ellipse(ellipse: Ellipse) -> tuple[float, float, float]:
    """Return mean size, and elongation along cos 2θ and sin 2θ, as logarithms."""
    turn, long = math.radians(2 * ellipse.angle), math.log(ellipse.a / ellipse.b)
    return (
        math.log(math.sqrt(ellipse.a * ellipse.b) / USUAL),
        long * math.cos(turn),
        long * math.sin(turn),
    )


def exp_ellipse(x: float, y: float, size: float, cos: float, sin: float) -> Ellipse:
    """Return the ellipse of what `log_ellipse` returned, around a centre."""
    mean, half = USUAL * math.exp(size), math.hypot(cos, sin) / 2
    return Ellipse.of(
        x, y, mean * math.exp(half), mean * math.exp(-half), math.degrees(math.atan2(sin, cos)) / 2
    )


def counts_of(number: int) -> NDArray[np.float64]:
    """Return the counts of rings that so many maps stand for."""
    return np.asarray(STEP * np.arange(number))


def wanted(antinodes: Sequence[Antinode], cells: tuple[int, int], counts: int) -> Wanted:
    """Return what a network of so many ring counts should answer for a frame of (Y, X) cells.

    The middle of an antinode that lies outside of the frame is the cell of the frame next to it.
    """
    middle, weight, size = np.zeros((3, *cells), dtype=np.float32)
    shape = np.zeros((5, *cells), dtype=np.float32)
    rings = np.zeros((counts, *cells), dtype=np.float32)
    down, right = np.ogrid[: cells[0], : cells[1]]
    y, x = CELL * down + (CELL - 1) / 2, CELL * right + (CELL - 1) / 2
    owner = np.full(cells, -1)
    for number, antinode in enumerate(antinodes):
        ellipse = antinode.ellipse
        row = min(max(int(ellipse.y // CELL), 0), cells[0] - 1)
        column = min(max(int(ellipse.x // CELL), 0), cells[1] - 1)
        here = Ellipse(float(x[0, column]), float(y[row, 0]), ellipse.a, ellipse.b, ellipse.angle)
        u, v = here.along(y, x)
        heat = np.exp(-(u * u + v * v) / (2 * CORE * CORE)).astype(np.float32)
        mine = heat > np.maximum(middle, NEAR)
        middle = np.maximum(middle, heat)
        owner[mine], weight[mine] = number, heat[mine]
        shape[0][mine], shape[1][mine] = (
            ((ellipse.x - x) / CELL + 0 * y)[mine],
            ((ellipse.y - y) / CELL + 0 * x)[mine],
        )
        shape[2:, mine] = np.array(log_ellipse(ellipse), dtype=np.float32)[:, None]
        size[mine] = math.sqrt(ellipse.a * ellipse.b) / CELL
        law = np.exp(-0.5 * ((counts_of(counts) - antinode.rings) / SPREAD) ** 2)
        rings[:, mine] = (law / law.sum()).astype(np.float32)[:, None]
    for number in range(len(antinodes)):
        if (mine := owner == number).any():
            weight[mine] /= weight[mine].sum()
    return Wanted(middle, weight, shape, np.maximum(size, 1), rings)


def found(answer: Tensor, least: float) -> list[list[Detection]]:
    """Return what each frame's maps show, the surest first.

    A peak of the middle's map is an antinode; its ellipse and rings are the mean of what its cell and those
    beside it say that are at least half as sure. What lies in the middle of a surer one is that one again.

    Parameters
    ----------
    answer : Tensor
        Shape (B, 6 + counts, Y, X), of any precision.
    least : float
        Score, 0 to 1, that a peak must have.

    Returns
    -------
    list of list of Detection
        Of each frame; their interval is that of the network's own distribution.
    """
    frames: list[list[Detection]] = [[] for _ in answer]
    for frame, row, column in peaks(answer, least).nonzero().tolist():
        rows, columns = slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)
        part = answer[frame, :, rows, columns].double().numpy()
        frames[frame].append(_at_peak(part, rows.start, columns.start))
    return [_apart(sorted(each, key=lambda one: -one.antinode.score)) for each in frames]


def _at_peak(part: NDArray[np.float64], row: int, column: int) -> Detection:
    """Return the antinode of the cells (maps, 3, 3) around a peak; the first is cell (row, column)."""
    heat = 1 / (1 + np.exp(-part[0]))
    share = (heat * (heat > 0.5 * heat.max())) / (heat * (heat > 0.5 * heat.max())).sum()
    down, right = np.indices(heat.shape)
    x = CELL * ((right + column + part[1]) * share).sum() + (CELL - 1) / 2
    y = CELL * ((down + row + part[2]) * share).sum() + (CELL - 1) / 2
    logs = (part[3:SHAPE_MAPS] * share).sum((1, 2)).clip(-4, 4)
    chances = np.exp(part[SHAPE_MAPS:] - part[SHAPE_MAPS:].max(0))
    law = (chances / chances.sum(0) * share).sum((1, 2))
    ellipse = exp_ellipse(float(x), float(y), *map(float, logs))
    rings = count(law)
    low, high = np.interp(TAILS, np.cumsum(law), counts_of(len(law)) + STEP / 2).tolist()
    return Detection(Antinode(ellipse, rings, float(heat.max())), max(min(low, rings), 0.0), max(high, rings))


def count(law: NDArray[np.float64]) -> float:
    """Return the count that is most likely to be within half a ring of the truth."""
    values, half = counts_of(len(law)), round(0.5 / STEP)
    window = np.ones(2 * half + 1)
    window[[0, -1]] = 0.5
    best = int(np.convolve(law, window, mode="same").argmax())
    near = slice(max(best - half, 0), best + half + 1)
    return float((values[near] * law[near]).sum() / law[near].sum())


def _apart(sorted_by_score: Sequence[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for one in sorted_by_score:
        if all(_distance(one, other) > TWICE for other in kept):
            kept.append(one)
    return kept


def _distance(one: Detection, other: Detection) -> float:
    """Return how far a middle lies from that of another, in units of the other's ellipse."""
    here = one.antinode.ellipse
    u, v = other.antinode.ellipse.along(np.array(here.y), np.array(here.x))
    return float(np.hypot(u, v))
