"""How well found ellipses and ring counts agree with the truth: standard measures, misses counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Antinode, Ellipse, overlap

THRESHOLDS = tuple(np.arange(50, 100, 5) / 100)
"""Of the intersection over union, as COCO averages over: 0.5 to 0.95."""

RECALLS = np.linspace(0, 1, 101)
"""At which COCO reads the precision."""

Pair = tuple[Sequence[Antinode], Sequence[Antinode]]
"""Truth and what was found, of one frame."""


@dataclass(frozen=True, slots=True)
class RingAgreement:
    """Ring counts against the truth; a true antinode that was not found is wrong."""

    objects: int
    """True antinodes."""
    found: int
    """Detections."""
    within_half: float
    """Part of all true antinodes that were found with an error of at most 0.5 rings."""
    within_one: float
    mean_error: float
    """Mean absolute error in rings, of those that were found only."""
    miss_rate: float
    """Part of the true antinodes that were not found."""
    false_rate: float
    """Part of the detections that are none."""


def iou(one: Ellipse, other: Ellipse, frame: tuple[int, int]) -> float:
    """Return the intersection over union of the parts of two ellipses that lie in a frame.

    Parameters
    ----------
    frame : tuple of int
        Height and width in pixels. What lies outside of it nobody can see.

    Examples
    --------
    >>> one, other = Ellipse(100, 80, 40, 20, 0), Ellipse(100, 80, 40, 10, 0)
    >>> round(iou(one, other, (384, 512)), 3)
    0.5
    """
    shared = overlap(one, other, frame)
    if not shared:
        return 0.0
    return shared / (overlap(one, None, frame) + overlap(other, None, frame) - shared)


def match(pair: Pair, frame: tuple[int, int], threshold: float = 0.5) -> list[tuple[int, int]]:
    """Return which true antinode and which detection belong together, by their numbers.

    As COCO does it: the surest detection chooses first, and takes the free antinode of largest overlap that
    reaches the threshold.
    """
    return _match(_overlaps(pair, frame), _order(pair[1]), threshold)


def average_precision(
    pairs: Iterable[Pair], frame: tuple[int, int], thresholds: Sequence[float] = THRESHOLDS
) -> dict[float, float]:
    """Return COCO's average precision at each threshold of the overlap.

    Precision is made to fall with recall, read at 101 recalls and averaged (Lin et al. 2014,
    arXiv:1405.0312, and its evaluation code). AP at 0.5:0.95 is the mean of the values. There is no limit
    to the detections of a frame.

    Returns
    -------
    dict of float to float
        NaN where there is no true antinode at all.
    """
    scores: list[float] = []
    hits: dict[float, list[bool]] = {threshold: [] for threshold in thresholds}
    truths = 0
    for pair in pairs:
        table, order = _overlaps(pair, frame), _order(pair[1])
        truths += len(pair[0])
        scores += [pair[1][number].score for number in order]
        for threshold, those in hits.items():
            matched = {detection for _, detection in _match(table, order, threshold)}
            those += [number in matched for number in order]
    ranking = np.argsort(-np.array(scores), kind="stable")
    return {
        threshold: _area_under_precision(np.array(those, dtype=bool)[ranking], truths)
        for threshold, those in hits.items()
    }


def ring_agreement(pairs: Iterable[Pair], frame: tuple[int, int], threshold: float = 0.5) -> RingAgreement:
    """Return how well rings were counted, in detections that overlap their antinode well enough.

    All detections count: those that a detector is not sure of have to be left out before.
    """
    objects = found = 0
    errors: list[float] = []
    for truth, detections in pairs:
        objects, found = objects + len(truth), found + len(detections)
        for one, other in match((truth, detections), frame, threshold):
            errors.append(abs(truth[one].rings - detections[other].rings))
    wrong = np.array(errors)
    return RingAgreement(
        objects=objects,
        found=found,
        within_half=_part((wrong <= 0.5 + 1e-9).sum(), objects),
        within_one=_part((wrong <= 1 + 1e-9).sum(), objects),
        mean_error=_part(wrong.sum(), len(wrong)),
        miss_rate=_part(objects - len(wrong), objects),
        false_rate=_part(found - len(wrong), found) if found else 0.0,
    )


def _overlaps(pair: Pair, frame: tuple[int, int]) -> NDArray[np.float64]:
    """Return the intersection over union of each true antinode (rows) and detection (columns)."""
    truth, found = pair
    table = [[iou(one.ellipse, other.ellipse, frame) for other in found] for one in truth]
    return np.array(table, dtype=float).reshape(len(truth), len(found))


def _order(found: Sequence[Antinode]) -> list[int]:
    """Return the numbers of the detections, the surest first."""
    return sorted(range(len(found)), key=lambda number: -found[number].score)


def _match(table: NDArray[np.float64], order: list[int], threshold: float) -> list[tuple[int, int]]:
    free, pairs = set(range(len(table))), []
    for detection in order:
        best = max(free, key=lambda one: (table[one, detection], -one), default=None)
        if best is not None and table[best, detection] >= threshold:
            free.remove(best)
            pairs.append((best, detection))
    return pairs


def _area_under_precision(hits: NDArray[np.bool_], truths: int) -> float:
    if not truths:
        return float("nan")
    right = np.cumsum(hits)
    recall, precision = right / truths, right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(np.where(places < len(hits), np.append(falling, 0)[places], 0).mean())


def _part(count: float, whole: int) -> float:
    return float(count) / whole if whole else float("nan")
