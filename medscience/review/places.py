"""Where doubtful voxels are thickest, found in one pass over a volume, slab by slab."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Sizes
from medscience.store.grid import Shape

SIDE = 16
"""Voxels along a side of the cubes in which doubtful voxels are counted."""
MOST = 3
"""Places that are named of one volume."""

Doubt = Callable[[tuple[slice, ...]], NDArray[np.bool_]]
"""Tells which voxels of a region are doubtful."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The doubtful voxels of a volume."""

    voxels: int
    places: tuple[Sizes, ...]
    """An index (z, y, x) of one in the midst of others, in the cubes that hold most of them, worst first."""


def doubtful(doubt: Doubt, shape: Shape) -> Doubtful:
    """Count doubtful voxels and find where they are thickest.

    Parameters
    ----------
    doubt : callable
        Asked for slabs, then for the cubes that hold most.
    shape : tuple of int
        Of the volume (Z, Y, X).
    """
    slabs = [_cubes(doubt(_slab(start, shape))) for start in range(0, shape[0], SIDE)]
    counts = np.stack(slabs)
    order = np.argsort(counts, axis=None, kind="stable")[::-1][:MOST]
    chosen = [np.unravel_index(n, counts.shape) for n in order if counts.flat[n]]
    return Doubtful(int(counts.sum()), tuple(_midst(doubt, shape, cube) for cube in chosen))


def _slab(start: int, shape: Shape) -> tuple[slice, ...]:
    return (slice(start, min(start + SIDE, shape[0])), slice(0, shape[1]), slice(0, shape[2]))


def _cubes(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count within cubes of one slab, shape (Z, Y, X) to (rows of cubes, columns of cubes)."""
    flat = mask.sum(axis=0, dtype=np.int64)
    rows = np.add.reduceat(flat, range(0, flat.shape[0], SIDE), axis=0)
    return np.asarray(np.add.reduceat(rows, range(0, flat.shape[1], SIDE), axis=1))


def _midst(doubt: Doubt, shape: Shape, cube: tuple[Any, ...]) -> Sizes:
    """Return the doubtful voxel of a cube that is nearest to the middle of all of them."""
    region = tuple(
        slice(int(n) * SIDE, min((int(n) + 1) * SIDE, size)) for n, size in zip(cube, shape, strict=True)
    )
    found = np.argwhere(doubt(region))
    nearest = found[((found - found.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    z, y, x = (int(at) + part.start for at, part in zip(nearest, region, strict=True))
    return z, y, x
