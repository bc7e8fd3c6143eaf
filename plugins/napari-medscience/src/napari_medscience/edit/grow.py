"""A label grown from a seed over voxels like it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medscience.image import LazyArray
from napari_medscience.edit.parts import Labels, Part, Place

AROUND = 2
"""Voxels to every side of the seed that say what is like it."""


def grow(labels: Labels, image: LazyArray, place: Place, value: int, *, spread: float, reach: Place) -> int:
    """Give a label to the background that is like the seed and hangs together with it.

    Parameters
    ----------
    labels : Labels
        What is changed, axes (…, Z, Y, X); voxels with another label stay.
    image : lazy array
        The image on the same grid.
    place : tuple of int
        The seed.
    value : int
        The label.
    spread : float
        How far a voxel may be from the middle of the seed's surroundings, in their standard deviations.
    reach : tuple of int
        Voxels along (z, y, x) beyond which it does not grow.

    Returns
    -------
    int
        Number of voxels that got the label.
    """
    lead, seed, sides = place[:-3], np.array(place[-3:]), np.array(image.shape[-3:])
    low, high = np.maximum(seed - reach, 0), np.minimum(seed + reach + 1, sides)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    values = np.asarray(image[(*lead, *box)]).astype(np.float32)
    now = np.asarray(labels[(*lead, *box)])
    mask = like_the_seed(values, (now == 0) | (now == value), tuple((seed - low).tolist()), spread)
    mask &= now == 0
    if not mask.any():
        return 0
    return Part(box, mask).put(labels, lead, value)


def like_the_seed(
    values: NDArray[Any], free: NDArray[np.bool_], seed: tuple[int, ...], spread: float
) -> NDArray[np.bool_]:
    """Return the voxels that are like the seed's surroundings and reach it over others that are.

    Single voxels that noise makes different are filled in.

    >>> values = np.array([[[10.0, 12, 8, 50, 11, 9]]])
    >>> like_the_seed(values, values > 0, (0, 0, 0), spread=3.0).astype(int).tolist()
    [[[1, 1, 1, 0, 0, 0]]]
    """
    near = tuple(slice(max(n - AROUND, 0), n + AROUND + 1) for n in seed)
    around = values[near]
    middle = float(np.median(around))
    width = 1.4826 * float(np.median(np.abs(around - middle)))  # as the standard deviation of a normal one
    width = max(width, 5e-3 * float(np.ptp(values)), 1e-6)
    alike = (np.abs(values - middle) <= spread * width) & free
    alike[seed] = True
    found, _ = ndimage.label(alike)
    grown = found == found[seed]
    return np.asarray(ndimage.binary_closing(np.pad(grown, 1, mode="edge"))[1:-1, 1:-1, 1:-1] & free)
