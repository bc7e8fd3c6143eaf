"""SPNet's published measures under their own names: only to compare with its published numbers.

They pair by slots of its grid instead of by overlap, and its "mAP" is no average precision: true antinodes
that were found badly count nowhere, false ones neither. `medscience.measure.ellipses` has the standard ones.
"""

from collections.abc import Iterable

from medscience.measure.ellipses import THRESHOLDS, Pair, iou
from medscience.slots import DEEP, FRAME, slots


def spnet_measures(pairs: Iterable[Pair]) -> dict[str, float]:
    """Return ``ring_accuracy``, ``class_accuracy`` and ``mAP`` as SPNet's evaluation defines them.

    Ring accuracy is the part of all true antinodes that the same slot has within 0.5 rings. Class accuracy
    is 1 - (miscounted + false + missed) / true, and may be negative. "mAP" is the mean over thresholds of
    hits / (hits + missed), where pairs of too little overlap are left out.

    Notes
    -----
    Hawley and Morrison 2021, J. Acoust. Soc. Am. 150(4); overlaps are areas here, filled pixels there.
    """
    objects = right = missed = false = 0
    overlaps: list[float] = []
    for truth, found in pairs:
        wanted, given = slots(truth), slots(found, keep=DEEP)
        objects += len(wanted)
        false += len(given.keys() - wanted.keys())
        missed += len(wanted.keys() - given.keys())
        for slot in wanted.keys() & given.keys():
            one, other = wanted[slot], given[slot]
            right += abs(one.rings - other.rings) <= 0.5 + 1e-9
            overlaps.append(iou(one.ellipse, other.ellipse, FRAME))
    if not objects:
        return dict.fromkeys(("ring_accuracy", "class_accuracy", "mAP"), float("nan"))
    miscounted = objects - missed - right
    hits = [sum(overlap > threshold for overlap in overlaps) for threshold in THRESHOLDS]
    return {
        "ring_accuracy": right / objects,
        "class_accuracy": 1 - (miscounted + false + missed) / objects,
        "mAP": sum(hit / (hit + missed) if hit + missed else 0.0 for hit in hits) / len(hits),
    }
