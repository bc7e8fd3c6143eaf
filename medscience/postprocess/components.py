"""Connected pieces of labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""Voxels that share a face, an edge or a corner are connected (26 neighbours)."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Labels of which only one piece is left."""

    labels: NDArray[Any]
    pieces_removed: int
    voxels_removed: int
    voxels_filled: int = 0
    warnings: tuple[str, ...] = ()
    """What a reader of the labels should know."""


def keep_largest(labels: NDArray[Any]) -> Cleaned:
    """Keep the largest connected piece of all labels together, as brainchop does.

    Of pieces of equal size the first in storage order stays. The volume is held in memory with four bytes
    for each voxel beside it, and as many as sixteen for each labelled one.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is background.

    Examples
    --------
    >>> keep_largest(np.array([[[1, 2, 0, 3]]])).labels.tolist()
    [[[1, 2, 0, 0]]]
    """
    return _keep(labels, lambda counts: np.asarray(counts.sum(axis=1)))


def keep_complete(labels: NDArray[Any]) -> Cleaned:
    """Keep the connected piece that has the most of its rarest label: a brain has every tissue.

    Where a network mistakes air for a tissue, that can be the largest piece, but it is of one label.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is background.

    Examples
    --------
    >>> keep_complete(np.array([[[1, 1, 1, 0, 1, 2]]])).labels.tolist()
    [[[0, 0, 0, 0, 1, 2]]]
    """

    def worth(counts: NDArray[np.int64]) -> NDArray[np.int64]:
        rarest: NDArray[np.int64] = counts[:, counts.any(axis=0)].min(axis=1)
        return rarest

    return _keep(labels, worth)


def _keep(labels: NDArray[Any], worth: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Cleaned:
    """Keep the piece of the largest worth, which is told from how many voxels of each label pieces have."""
    pieces, count = ndimage.label(labels != 0, structure=TOUCHING)
    if count < 2:
        return Cleaned(labels, 0, 0)
    kinds = int(labels.max())
    inside = labels != 0
    keys = (pieces[inside].astype(np.int64) - 1) * kinds + labels[inside] - 1
    counts = np.bincount(keys, minlength=count * kinds).reshape(count, kinds)
    kept = int(worth(counts).argmax())
    removed = int(counts.sum() - counts[kept].sum())
    return Cleaned(np.where(pieces == kept + 1, labels, 0).astype(labels.dtype), count - 1, removed)
