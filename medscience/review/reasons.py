"""Why a sample should be looked at: what a run knows of its own weaknesses.

Each reason's severity is v / (v + h): 0 where there is nothing, 0.5 at the value h, and never quite 1. The
values h are choices; they weigh the reasons against each other and say nothing of right and wrong.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

import numpy as np

from medscience.description import Label
from medscience.errors import one_line
from medscience.image import Image
from medscience.measure.quality import Flag
from medscience.measure.regions import Region
from medscience.review.places import doubtful
from medscience.review.queue import Reason

LOW = 0.6
"""A voxel whose label has less than this probability is one of low confidence."""
HALF_UNSURE = 0.10
"""Voxels of low confidence for each labelled one."""
HALF_SEAM = 0.01
"""Seam score."""
HALF_MIRROR = 0.03
"""Mirror score."""
HALF_DISAGREEMENT = 0.15
"""1 - mean Dice of two methods."""
HALF_OUTLIER = 5.0
"""Robust standard deviations from the cohort's median."""
FLAGGED = 0.5
"""Severity of a check that failed."""
ENOUGH = 5
"""Samples from which on a volume can be an outlier among them."""
FAR = 2.5
"""Robust standard deviations that are worth a word."""
NARROW = 0.02
"""Of the median: no cohort is taken to be more alike than this."""


def of_confidence(confidence: Image, labels: Image) -> Iterator[Reason]:
    """Yield the places where the network was least sure.

    Parameters
    ----------
    confidence : Image
        uint8, 255 for 1, axes (z, y, x).
    labels : Image
        On the same grid.
    """
    low = round(255 * LOW)
    found = doubtful(lambda region: confidence.read(region) < low, confidence.shape)
    labelled = sum(int(np.count_nonzero(slab)) for slab in labels.slabs())
    share = found.voxels / max(labelled, 1)
    if found.voxels:
        text = f"{found.voxels} voxels of low confidence (below {LOW}), {share:.1%} of the labelled ones"
        yield from _at(found.places, labels, "confidence", severity(share, HALF_UNSURE), text)


def of_seams(score: float | None) -> Iterator[Reason]:
    """Yield a reason where tiles of an approximate network disagree."""
    if score:
        yield Reason(
            "seam",
            severity(score, HALF_SEAM),
            f"tiles disagree at {score:.2%} of the voxels that they share",
        )


def of_mirrors(score: float | None) -> Iterator[Reason]:
    """Yield a reason where a network answers a mirrored scan otherwise."""
    if score:
        text = f"mirror images of the scan are answered otherwise at {score:.2%} of the voxels"
        yield Reason("mirror", severity(score, HALF_MIRROR), text)


def of_disagreement(
    mine: Image, names: Sequence[Label], other: Image, others: Sequence[Label], method: str
) -> Iterator[Reason]:
    """Yield the places where a second method says otherwise, for labels that both name alike.

    Parameters
    ----------
    mine, other : Image
        Labels on one grid, axes (z, y, x).
    names, others : sequence of Label
        What their numbers stand for.
    method : str
        Name of the second.
    """
    theirs = {label.name: label.value for label in others if label.value}
    shared = [label for label in names if label.value and label.name in theirs]
    if not shared or not mine.geometry.close_to(other.geometry):
        return
    ours, them = (
        _numbered({label.value if one else theirs[label.name]: n for n, label in enumerate(shared, start=1)})
        for one in (True, False)
    )
    size = len(shared) + 1
    both = np.zeros((size, size), dtype=np.int64)
    for a, b in zip(mine.slabs(), other.slabs(), strict=True):
        pairs = (ours[a] * size + them[b]).ravel()
        both += np.bincount(pairs, minlength=size**2).reshape(size, size)
    total = both.sum(axis=0) + both.sum(axis=1)
    dice = [2 * both[n, n] / total[n] for n in range(1, len(both)) if total[n]]
    if not dice or min(dice) == 1:
        return
    found = doubtful(lambda region: ours[mine.read(region)] != them[other.read(region)], mine.shape)
    mean = float(np.mean(dice))
    text = f"{one_line(method)} agrees with a mean Dice of {mean:.3f} only, {found.voxels} voxels differ"
    yield from _at(found.places, mine, "disagreement", severity(1 - mean, HALF_DISAGREEMENT), text)


def of_volumes(regions: Sequence[Region], cohort: Mapping[int, Sequence[float]]) -> Iterator[Reason]:
    """Yield labels whose volume lies far from the cohort's, the farthest first.

    Parameters
    ----------
    regions : sequence of Region
        Of one sample.
    cohort : dict of int to sequence of float
        Volume of each label in all samples, in mm3.
    """
    far = [(robust_z(region.volume_mm3, cohort[region.label]), region) for region in regions]
    for z, region in sorted(far, key=lambda pair: -abs(pair[0]))[:3]:
        if abs(z) > FAR:
            middle = median(cohort[region.label])
            where = (region.centroid_x_mm, region.centroid_y_mm, region.centroid_z_mm)
            side = "above" if z > 0 else "below"
            text = (
                f"{one_line(region.name)} of {region.volume_mm3 / 1000:.4g} mL, {abs(z):.1f} robust standard "
                f"deviations {side} the cohort's median of {middle / 1000:.4g} mL"
            )
            x, y, zed = where
            place = None if x is None or y is None or zed is None else (x, y, zed)
            yield Reason("volume", severity(abs(z), HALF_OUTLIER), text, place)


def of_checks(flags: Iterable[Flag]) -> Iterator[Reason]:
    """Yield the checks that failed."""
    for flag in flags:
        yield Reason("check", FLAGGED, one_line(flag.text))


def robust_z(value: float, values: Sequence[float]) -> float:
    """Return how far a value lies from the median, in standard deviations as the median deviation tells them.

    0 where there are fewer than `ENOUGH` values. (Iglewicz and Hoaglin 1993: 1.4826 times the median absolute
    deviation is the standard deviation of normal values.)

    >>> round(robust_z(20.0, [9.0, 10.0, 10.0, 11.0, 12.0, 20.0]), 2)
    6.41
    """
    if len(values) < ENOUGH:
        return 0.0
    middle = median(values)
    spread = 1.4826 * median(abs(other - middle) for other in values)
    scale = max(spread, NARROW * abs(middle))
    return (value - middle) / scale if scale else 0.0


def severity(value: float, half: float) -> float:
    """Return how much a value weighs, from 0 to 1; 0.5 at `half`."""
    return value / (value + half)


def _at(
    places: Sequence[tuple[int, int, int]], image: Image, kind: str, weight: float, text: str
) -> Iterator[Reason]:
    """Yield a reason at its worst place, and the further places with nothing to add to the score."""
    for n, index in enumerate(places):
        x, y, z = image.geometry.world(index).tolist()
        yield Reason(kind, 0.0 if n else weight, text if not n else "also here", (x, y, z))


def _numbered(numbers: Mapping[int, int]) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return a table from any number that labels can have to its new number; 0 for the others."""
    table = np.zeros(1 << 16, dtype=np.intp)
    for old, new in numbers.items():
        table[old] = new
    return table
