"""The numbers of the LiTS challenge as its own program defines them, under its names.

Bilic et al. 2023, doi:10.1016/j.media.2022.102680; the program is PatrickChrist/lits-challenge-scoring on
GitHub (``calc_metric.py``). They stand beside ours, which do not merge lesions, and which say nothing of a
Dice where there is nothing to find. One line is taken as it is meant: where the program asks which matches
overlap enough, it looks for lesions of the one side under numbers of the other (``d==p_id``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medscience.geometry import Geometry
from medscience.measure.detection import Overlaps
from medscience.measure.surfaces import surface_distances

LEAST_OVERLAP = 0.5
"""A lesion is detected from more than this intersection over union on."""


@dataclass(frozen=True, slots=True)
class Match:
    """Lesions that count as one, on either side, because they overlap; numbers from 1."""

    found: tuple[int, ...]
    reference: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Counts of lesions over the threshold of overlap."""

    detected: int
    """Lesions of the reference in matches above it."""
    missed: int
    false_positives: int
    """Lesions that were found and are in no such match."""
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How well an object that was found covers that of the reference."""

    dice: float
    voe: float
    """Volume overlap error, 1 - intersection over union."""
    rvd: float
    """Relative volume difference, (reference - found) / found, as the program has it."""
    assd_mm: float
    rmsd_mm: float
    msd_mm: float


def dice(found: int, reference: int, shared: int) -> float:
    """Return Dice's coefficient from voxels; 0 where there is neither, as MedPy's ``dc`` has it.

    >>> dice(2, 2, 1), dice(0, 0, 0)
    (0.5, 0.0)
    """
    both = found + reference
    return 2 * shared / both if both else 0.0


def detect(pair: Overlaps) -> Detection:
    """Return which lesions were detected, merged as the program merges them.

    Lesions of the reference under one that was found are one, if none covers more of them; then each that
    was found goes to what it shares most voxels with, and those that go to the same are one.
    """
    matches = tuple(
        match
        for match in _matches(pair.shared)
        if _overlap(pair, match.found, match.reference) > LEAST_OVERLAP
    )
    detected = sum(len(match.reference) for match in matches)
    taken = sum(len(match.found) for match in matches)
    return Detection(detected, len(pair.reference) - detected, len(pair.found) - taken, matches)


def _matches(shared: NDArray[np.int64]) -> Iterator[Match]:
    """Yield the groups of both sides that belong together, whatever their overlap."""
    touched = np.flatnonzero(shared.any(axis=0))
    best = {int(column): int(shared[:, column].argmax()) for column in touched}
    groups = [[c for c, row in best.items() if row == owner] for owner in sorted(set(best.values()))]
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(shared.any(axis=1)).tolist():
        sums = [int(shared[row, group].sum()) for group in groups]
        members.setdefault(int(np.argmax(sums)), []).append(row)
    for place, rows in members.items():
        yield Match(tuple(row + 1 for row in rows), tuple(column + 1 for column in groups[place]))


def _overlap(pair: Overlaps, found: tuple[int, ...], reference: tuple[int, ...]) -> float:
    rows, columns = np.array(found) - 1, np.array(reference) - 1
    shared = int(pair.shared[np.ix_(rows, columns)].sum())
    either = int(pair.found[rows].sum() + pair.reference[columns].sum()) - shared
    return shared / either


def segmentation(
    found: NDArray[np.bool_], reference: NDArray[np.bool_], geometry: Geometry
) -> Segmentation | None:
    """Return how well two objects agree; None where one is empty, for which the program has penalties.

    Parameters
    ----------
    found, reference : ndarray of bool, shape (Z, Y, X)
        On one grid.
    geometry : Geometry
        That grid.
    """
    distances = surface_distances(found, reference, geometry)
    if distances is None:
        return None
    ours, theirs, shared = (int(mask.sum()) for mask in (found, reference, found & reference))
    return Segmentation(
        dice=dice(ours, theirs, shared),
        voe=1 - shared / (ours + theirs - shared),
        rvd=(theirs - ours) / ours,
        assd_mm=distances.assd_mm,
        rmsd_mm=distances.rmsd_mm,
        msd_mm=distances.msd_mm,
    )


def segmentations(
    found: NDArray[np.int32],
    reference: NDArray[np.int32],
    matches: tuple[Match, ...],
    geometry: Geometry,
) -> Iterator[Segmentation]:
    """Yield how well each detected lesion agrees with the reference, merged as it was matched.

    Parameters
    ----------
    found, reference : ndarray of int, shape (Z, Y, X)
        Numbered lesions on one grid.
    matches : tuple of Match
        As `detect` returns them.
    geometry : Geometry
        That grid.
    """
    boxes = ndimage.find_objects(found), ndimage.find_objects(reference)
    for match in matches:
        mine = [boxes[0][n - 1] for n in match.found] + [boxes[1][n - 1] for n in match.reference]
        box = around(mine)
        ours, theirs = np.isin(found[box], match.found), np.isin(reference[box], match.reference)
        z, y, x = (part.start for part in box)
        agreed = segmentation(ours, theirs, geometry.crop((z, y, x), ours.shape))
        if agreed is not None:
            yield agreed


def around(boxes: Sequence[tuple[slice, ...]]) -> tuple[slice, ...]:
    """Return the box that holds several.

    >>> around([(slice(0, 2),), (slice(5, 6),)])
    (slice(0, 6, None),)
    """
    return tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )
