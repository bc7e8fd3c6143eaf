"""Leaning or unevenly spaced slices on a grid with right angles and even spacing, a slice at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.ingest.dicom.stack import Stack


def resampled(slices: Iterable[NDArray[Any]], stack: Stack, outside: float) -> Iterator[NDArray[Any]]:
    """Yield the slices of the even grid by linear interpolation, holding two at a time.

    Parameters
    ----------
    slices : iterable of ndarray (rows, columns)
        As `stack.frames`.
    stack : Stack
        How they lie, and the grid that is wanted.
    outside : float
        Value where no slice reaches.

    Yields
    ------
    ndarray (Y, X)
        Of the slices' type; whole numbers are rounded.
    """
    rows = iter(slices)
    have = -1
    below = above = np.empty(0)
    for place in stack.places:
        first = int(np.floor(place))
        while have < min(first + 1, len(stack.frames) - 1):
            have += 1
            below, above = above, _moved(next(rows), stack, have, outside)
        part = place - first
        if part == 0:
            yield above if have == first else below
        else:
            yield _typed(below * (1 - part) + above * part, above.dtype)


def _moved(values: NDArray[Any], stack: Stack, n: int, outside: float) -> NDArray[Any]:
    """Slice n on the grid's plane: moved by whole voxels and, between them, by linear interpolation."""
    shape = stack.geometry.shape[1:]
    if values.shape == shape and not stack.shifts[n].any():
        return values
    canvas = np.full((shape[0] + 1, shape[1] + 1), outside, np.float64)
    whole = np.floor(stack.shifts[n]).astype(int)
    canvas[whole[0] : whole[0] + values.shape[0], whole[1] : whole[1] + values.shape[1]] = values
    for axis, part in enumerate(stack.shifts[n] - whole):
        before = np.roll(canvas, 1, axis)
        before[(slice(None),) * axis + (0,)] = outside
        canvas = canvas * (1 - part) + before * part
    return _typed(canvas[: shape[0], : shape[1]], values.dtype)


def _typed(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)
