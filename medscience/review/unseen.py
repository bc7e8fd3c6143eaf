"""The number that says that nobody looked: the largest of the labels' type."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


def unseen_value(dtype: DTypeLike) -> int:
    """Return the number that stands for "not looked at" in labels of a type.

    >>> unseen_value("uint8")
    255
    """
    return int(np.iinfo(dtype).max)


def correction_dtype(dtype: DTypeLike, labels: Iterable[int]) -> np.dtype[Any]:
    """Return the type of a correction: that of the labels, or a wider one if all its numbers are labels.

    >>> str(correction_dtype("uint8", [0, 1])), str(correction_dtype("uint8", [0, 255]))
    ('uint8', 'uint16')
    """
    kind = np.dtype(dtype)
    if max(labels, default=0) < unseen_value(kind):
        return kind
    return np.dtype(f"u{2 * kind.itemsize}")
