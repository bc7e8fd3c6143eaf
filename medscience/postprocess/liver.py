"""A liver and its tumours in a network's raw decision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medscience.postprocess.components import Cleaned, keep_largest

LIVER, TUMOUR = 1, 2
"""The labels, as in LiTS."""


def keep_liver(labels: NDArray[Any]) -> Cleaned:
    """Keep the largest piece of liver and tumours together, its holes filled; tumours lie within it.

    As H-DenseUNet's ``test.py`` does (github.com/xmengli/H-DenseUNet): tumour belongs to the liver, of which
    the largest 26-connected piece is kept and its holes are filled with liver; then the holes of tumours are
    filled with tumour. A hole is what its surroundings close off in three dimensions, through faces.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 background, 1 liver, 2 tumour.

    Examples
    --------
    >>> keep_liver(np.array([[[1, 2, 0, 1]]])).labels.tolist()
    [[[1, 2, 0, 0]]]
    """
    largest = keep_largest(labels)
    tumour = ndimage.binary_fill_holes(largest.labels == TUMOUR)
    liver = ndimage.binary_fill_holes(largest.labels > 0)
    found = np.zeros_like(labels)
    found[liver] = LIVER
    found[tumour] = TUMOUR
    filled = int((found != largest.labels).sum())
    empty = () if found.any() else ("no liver was found: all of it is background",)
    return Cleaned(found, largest.pieces_removed, largest.voxels_removed, filled, empty)
