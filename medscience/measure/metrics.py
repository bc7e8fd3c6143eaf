"""Agreement of labels with a reference."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.image import Image

SLAB = 64
"""Slices that are in memory at once."""
LISTED = 5
"""Labels that an error lists at most."""


def dice(labels: Image, reference: Image, names: tuple[Label, ...]) -> dict[int, tuple[int, float | None]]:
    """Return the reference's voxels and the Dice coefficient of every label but the background.

    Dice is 2 |A and B| / (|A| + |B|) (Dice 1945, Ecology 26(3)); None where a label is in neither.

    Raises
    ------
    MismatchError
        If the grids differ, or the reference has other labels: its numbers may stand for other things.
    """
    if not labels.geometry.close_to(reference.geometry):
        raise MismatchError(
            "REFERENCE-GRID",
            field="grid",
            found=f"a reference of {reference.shape} {reference.geometry.orientation}",
            expected=f"{labels.shape} {labels.geometry.orientation}, corners within 0.001 mm",
            fix="bring the reference onto the image's grid",
        )
    size = max(label.value for label in names) + 1
    ours, theirs, both = (np.zeros(size, dtype=np.int64) for _ in range(3))
    beyond: set[int] = set()
    for start in range(0, labels.shape[0], SLAB):
        region = (slice(start, start + SLAB), slice(None), slice(None))
        there = reference.read(region)
        beyond.update(np.unique(there[(there < 0) | (there >= size)]).tolist())
        a, b = _named(labels.read(region), size), _named(there, size)
        ours += np.bincount(a, minlength=size)
        theirs += np.bincount(b, minlength=size)
        both += np.bincount(a[a == b], minlength=size)
    _check_known(beyond.union(np.flatnonzero(theirs).tolist()), names)
    total = ours + theirs
    return {
        label.value: (
            int(theirs[label.value]),
            float(2 * both[label.value] / total[label.value]) if total[label.value] else None,
        )
        for label in names
        if label.value
    }


def _check_known(found: set[int], names: tuple[Label, ...]) -> None:
    known = {label.value for label in names} | {0}
    unknown = sorted(found - known)
    if unknown:
        raise MismatchError(
            "REFERENCE-LABELS",
            field="labels",
            found=", ".join(map(str, unknown[:LISTED])) + (", ..." if len(unknown) > LISTED else ""),
            expected=f"the model's labels: {', '.join(map(str, sorted(known)))}",
            fix="give the reference the model's numbers, and 0 to what the model does not know",
        )


def _named(labels: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Return the numbers in a row, those beyond 0 to `size` - 1 as background."""
    named = np.where((labels < 0) | (labels >= size), 0, labels)
    return named.astype(np.int64, casting="same_kind").ravel()
