"""A volume on a coarser grid with the same axes, read a slab at a time from its pyramid."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, Triple
from medscience.image import Image

UPRIGHT = "IPL"
"""Directions of the axes of an upright volume: rows of its slices run down, columns to the patient's left."""
SLAB = 64
"""Slices that are in memory at once."""

Samples = Callable[[NDArray[Any], Sequence[NDArray[np.float64]]], NDArray[Any]]
"""Takes a volume and the wanted indices along each axis, fractions included; gives the values there."""


def upright(image: Image) -> Image:
    """Return a lazy view whose axes run as `UPRIGHT` says, as nearly as the grid allows."""
    return image.turned(image.geometry.reorientation(UPRIGHT))


def coarse_grid(image: Image, spacing: float) -> Geometry:
    """Return the upright grid of voxels of about `spacing` millimetres; it is finer along no axis."""
    own = upright(image).geometry
    z, y, x = (max(step, spacing) for step in own.spacing)
    return own.with_spacing((z, y, x))


def shrunk(pyramid: Sequence[Image], grid: Geometry, at: Samples) -> NDArray[Any]:
    """Return the volume on an upright grid that fills the same box.

    Parameters
    ----------
    pyramid : sequence of Image
        Axes (z, y, x): the volume, then its coarser copies. The coarsest that is as fine as the grid is read.
    grid : Geometry
        What `coarse_grid` returned for the volume.
    at : callable
        `linear`, perhaps after something else, or `nearest`.
    """
    image = upright(_coarsest(pyramid, grid.spacing))
    along = [_indices(image, grid, axis) for axis in range(3)]
    return np.concatenate(list(_parts(image, along, at)))


def _parts(image: Image, along: Sequence[NDArray[np.float64]], at: Samples) -> Iterator[NDArray[Any]]:
    """Yield the coarse slices that lie in one slab of the image after the other."""
    slab = np.floor(along[0]).astype(int) // SLAB
    for number in np.unique(slab):
        mine = along[0][slab == number]
        first, last = int(mine[0]), min(int(mine[-1]) + 1, image.shape[0] - 1)
        values = image.read((slice(first, last + 1), slice(None), slice(None)))
        yield at(values, [mine - first, *along[1:]])


def linear(values: NDArray[Any], along: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return values between voxels, by linear interpolation.

    >>> linear(np.array([[[0.0, 10.0]]]), [np.zeros(1), np.zeros(1), np.array([0.25, 1.0])]).tolist()
    [[[2.5, 10.0]]]
    """
    found = values.astype(np.float32, copy=False)
    for axis, wanted in enumerate(along):
        low = np.floor(wanted).astype(int)
        high = np.minimum(low + 1, found.shape[axis] - 1)
        weight = np.expand_dims(wanted - low, [n for n in range(3) if n != axis]).astype(np.float32)
        found = found.take(low, axis) * (1 - weight) + found.take(high, axis) * weight
    return found


def nearest(values: NDArray[Any], along: Sequence[NDArray[np.float64]]) -> NDArray[Any]:
    """Return the nearest voxels, which is what labels allow.

    >>> nearest(np.array([[[3, 7]]]), [np.zeros(1), np.zeros(1), np.array([0.4, 0.6])]).tolist()
    [[[3, 7]]]
    """
    found: NDArray[Any] = values[np.ix_(*(np.rint(wanted).astype(int) for wanted in along))]
    return found


def _coarsest(pyramid: Sequence[Image], spacing: Triple) -> Image:
    """Return the coarsest copy with no voxel larger than wanted, or the volume itself."""
    for image in reversed(pyramid):
        if all(
            mine <= most * 1.001 for mine, most in zip(upright(image).geometry.spacing, spacing, strict=True)
        ):
            return image
    return pyramid[0]


def _indices(image: Image, grid: Geometry, axis: int) -> NDArray[np.float64]:
    """Return where the grid's voxels lie along an axis of the image, which runs as the grid's does."""
    voxels = np.zeros((grid.shape[axis], 3))
    voxels[:, axis] = np.arange(grid.shape[axis])
    places = image.geometry.index(grid.world(voxels))[:, axis]
    return np.clip(np.round(places, 6), 0, image.shape[axis] - 1)
