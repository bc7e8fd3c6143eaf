"""Labels between painted slices, by shape: Raya and Udupa 1990, doi:10.1109/42.52980.

Distances to the outline are interpolated, not grey values; shapes are moved along the line between their
middles, so that slanted organs keep their width.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medscience.edit.parts import Labels, Place

Mask = NDArray[np.bool_]


def shapes_between(first: Mask, last: Mask, count: int, spacing: Sequence[float] = (1.0, 1.0)) -> list[Mask]:
    """Return the shapes of slices that lie evenly between two.

    Parameters
    ----------
    first, last : ndarray of bool, shape (Y, X)
        The painted shapes; none is empty.
    count : int
        How many slices lie between them.
    spacing : sequence of float
        Of the pixels along (y, x).

    Examples
    --------
    >>> small, large = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    >>> small[4, 4] = True
    >>> [int(shape.sum()) for shape in shapes_between(small, large, 3)]
    [9, 25, 49]
    """
    middles = [np.array(ndimage.center_of_mass(shape)) for shape in (first, last)]
    depths = [_depth(shape, spacing) for shape in (first, last)]
    found = []
    for part in np.arange(1, count + 1) / (count + 1):
        middle = (1 - part) * middles[0] + part * middles[1]
        moved = [
            ndimage.shift(depth, middle - own, order=1, mode="nearest")
            for depth, own in zip(depths, middles, strict=True)
        ]
        found.append((1 - part) * moved[0] + part * moved[1] > 0)
    return found


def fill_between(
    labels: Labels, lead: Place, axis: int, slices: Sequence[int], value: int, spacing: Sequence[float]
) -> int:
    """Make a label between painted slices what these say, and return how many slices were filled.

    Only background and the label itself change: other labels stay.

    Parameters
    ----------
    labels : Labels
        What is changed, axes (…, Z, Y, X).
    lead : tuple of int
        Index along the axes before z.
    axis : int
        Along which the slices lie: 0 for z.
    slices : sequence of int
        Indices of the painted slices; those in which the label is not are left out.
    value : int
        The label.
    spacing : sequence of float
        Of the voxels along (z, y, x).
    """
    in_plane = [n for n in range(3) if n != axis]
    painted = {}
    for index in sorted(set(slices)):
        shape = np.asarray(labels[(*lead, *_region(axis, slice(index, index + 1)))]).squeeze(axis) == value
        if shape.any():
            painted[index] = shape
    filled = 0
    for low, high in pairwise(painted):
        first, last = painted[low], painted[high]
        if high - low < 2:
            continue
        region = (*lead, *_region(axis, slice(low + 1, high)))
        block = np.asarray(labels[region])
        shapes = shapes_between(first, last, high - low - 1, [spacing[n] for n in in_plane])
        inside = np.stack(shapes, axis=axis)
        block[inside & (block == 0)] = value
        block[~inside & (block == value)] = 0
        labels[region] = block
        filled += high - low - 1
    return filled


def _region(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if n == axis else slice(None) for n in range(3))


def _depth(shape: Mask, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Distance to the outline: positive inside, negative outside."""
    half = min(spacing) / 2
    inside = ndimage.distance_transform_edt(np.pad(shape, 1), sampling=spacing)[1:-1, 1:-1]
    if shape.all():
        return np.asarray(inside - half)
    outside = ndimage.distance_transform_edt(~shape, sampling=spacing)
    return np.asarray(np.where(shape, inside - half, half - outside))
