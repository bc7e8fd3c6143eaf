"""Connected pieces of labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""Voxels that share a face, an edge or a corner are connected (26 neighbours)."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Labels of which only the largest piece is left."""

    labels: NDArray[Any]
    pieces_removed: int
    voxels_removed: int


def keep_largest(labels: NDArray[Any]) -> Cleaned:
    """Keep the largest connected piece of all labels together, as brainchop does.

    Of pieces of equal size the first in storage order stays. The volume is held in memory with four bytes
    for each voxel beside it.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is background.

    Examples
    --------
    >>> keep_largest(np.array([[[1, 2, 0, 3]]])).labels.tolist()
    [[[1, 2, 0, 0]]]
    """
    pieces, count = ndimage.label(labels != 0, structure=TOUCHING)
    if count < 2:
        return Cleaned(labels, 0, 0)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest = sizes.argmax()
    removed = int(sizes.sum() - sizes[largest])
    return Cleaned(np.where(pieces == largest, labels, 0).astype(labels.dtype), count - 1, removed)
