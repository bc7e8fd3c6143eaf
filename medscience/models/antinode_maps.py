"""Between the antinodes of a frame and the maps of `medscience.models.fringe.Fringe`.

An ellipse is written as the logarithm of its covariance: that of its mean half axis, and that of the ratio of
its half axes along cos 2θ and sin 2θ. Every three numbers are an ellipse, near ones are near numbers, and a
circle is no special case (Arsigny et al. 2006, doi:10.1002/mrm.20965).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
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

DOWN, RIGHT = np.arange(9) // 3 - 1, np.arange(9) % 3 - 1
"""From a cell to itself and the eight beside it."""

Map = NDArray[np.float32]
Places = NDArray[np.int64]


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
    places = peaks(answer, least).nonzero().numpy()
    frames: list[list[Detection]] = [[] for _ in answer]
    for frame, one in zip(places[:, 0].tolist(), _at_peaks(answer, *places.T), strict=True):
        frames[frame].append(one)
    return [_apart(sorted(each, key=lambda one: -one.antinode.score)) for each in frames]


def _at_peaks(answer: Tensor, frame: Places, row: Places, column: Places) -> Iterator[Detection]:
    """Yield the antinode of each peak from what its cell and the eight beside it say."""
    if not len(frame):
        return
    rows, columns = row[:, None] + DOWN, column[:, None] + RIGHT
    height, width = answer.shape[2:]
    there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    around = frame[:, None], slice(None), rows.clip(0, height - 1), columns.clip(0, width - 1)
    part = answer[around].double().numpy()  # (peaks, 9, maps)
    heat = there / (1 + np.exp(-part[..., 0]))
    surest = heat.max(1, keepdims=True)
    share = heat * (heat > 0.5 * surest)
    share /= share.sum(1, keepdims=True)
    part[..., 1] += columns
    part[..., 2] += rows
    shapes = np.einsum("pc,pcm->pm", share, part[..., 1:SHAPE_MAPS])
    places, logs = CELL * shapes[:, :2] + (CELL - 1) / 2, shapes[:, 2:].clip(-4, 4)
    chances = np.exp(part[..., SHAPE_MAPS:] - part[..., SHAPE_MAPS:].max(2, keepdims=True))
    laws = np.einsum("pc,pcn->pn", share / chances.sum(2), chances)
    middles = zip(places.tolist(), logs.tolist(), surest[:, 0].tolist(), strict=True)
    for (place, shape, score), law, rings in zip(middles, laws, counted(laws).tolist(), strict=True):
        low, high = np.interp(TAILS, np.cumsum(law), counts_of(len(law)) + STEP / 2).tolist()
        ellipse = exp_ellipse(*place, *shape)
        yield Detection(Antinode(ellipse, rings, score), max(min(low, rings), 0.0), max(high, rings))


def counted(laws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the count that is most likely to be within half a ring of the truth, by laws (N, counts)."""
    half = round(0.5 / STEP)
    window = np.array([0.5, *(2 * half - 1) * [1.0], 0.5])
    best = convolve1d(laws, window, axis=1, mode="constant").argmax(1)
    near = best[:, None] + np.arange(-half, half + 1)
    chances = np.take_along_axis(laws, near.clip(0, laws.shape[1] - 1), 1)
    chances *= (near >= 0) & (near < laws.shape[1])
    counts: NDArray[np.float64] = STEP * (near * chances).sum(1) / chances.sum(1)
    return counts


def _apart(sorted_by_score: Sequence[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for one in sorted_by_score:
        if all(_distance(one, other) > TWICE for other in kept):
            kept.append(one)
    return kept


def _distance(one: Detection, other: Detection) -> float:
    """Return how far a middle lies from that of another, in units of the other's ellipse."""
    here = one.antinode.ellipse
    return math.hypot(*other.antinode.ellipse.along(here.y, here.x))
