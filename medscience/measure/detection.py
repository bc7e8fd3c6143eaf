"""Which lesions of one set of labels are those of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The voxels of lesions that were found, of those of a reference, and what they share."""

    found: NDArray[np.int64]
    """Voxels of each lesion that was found, shape (F,)."""
    reference: NDArray[np.int64]
    """Of each lesion of the reference, shape (R,)."""
    shared: NDArray[np.int64]
    """Voxels that are in both, shape (F, R)."""

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, shape (F, R)."""
        either = self.found[:, None] + self.reference[None, :] - self.shared
        return np.asarray(self.shared / either)

    @property
    def best_of_found(self) -> list[float]:
        """Largest IoU of each lesion that was found with one of the reference; 0 where there is none."""
        best: list[float] = self.iou.max(axis=1, initial=0.0).tolist()
        return best

    @property
    def best_of_reference(self) -> list[float]:
        """Likewise of each lesion of the reference with one that was found."""
        best: list[float] = self.iou.max(axis=0, initial=0.0).tolist()
        return best


def overlaps(found: NDArray[np.int32], reference: NDArray[np.int32]) -> Overlaps:
    """Count what numbered lesions share.

    Parameters
    ----------
    found, reference : ndarray of int, shape (Z, Y, X)
        The number of the lesion that a voxel belongs to, from 1 without a gap; 0 belongs to none.

    Examples
    --------
    >>> pair = overlaps(np.array([[[1, 1, 0, 2]]], np.int32), np.array([[[0, 1, 1, 0]]], np.int32))
    >>> pair.shared.tolist(), pair.best_of_reference
    ([[1], [0]], [0.3333333333333333])
    """
    rows, columns = int(found.max(initial=0)) + 1, int(reference.max(initial=0)) + 1
    any_side = (found > 0) | (reference > 0)
    pairs = found[any_side].astype(np.int64) * columns + reference[any_side]
    counts = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
    return Overlaps(counts.sum(axis=1)[1:], counts.sum(axis=0)[1:], counts[1:, 1:])
