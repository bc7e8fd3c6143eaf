"""Where a body moves through a breath, so that a training can look there more often."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from medscience.image import Image

CELL = 8
"""Voxels along a side of a cell, in which motion is summed."""


def motion_of(truth: Image) -> NDArray[np.float64]:
    """Return the part of all motion that is in each cell.

    Parameters
    ----------
    truth : Image
        Phases (T, Z, Y, X) without streaks.

    Returns
    -------
    ndarray, shape (cells along z, y, x)
        Sums of the voxels' standard deviations over the phases, together 1. The same everywhere if nothing
        moves.
    """
    every, sides = slice(None), truth.shape[1:]
    motion = np.zeros([-(-n // CELL) for n in sides])
    for z in range(motion.shape[0]):
        moved = (
            truth.read((every, slice(z * CELL, (z + 1) * CELL), every, every)).astype(np.float32).std(axis=0)
        )
        for y, x in product(range(motion.shape[1]), range(motion.shape[2])):
            here = (slice(n * CELL, (n + 1) * CELL) for n in (y, x))
            motion[z, y, x] = moved[(every, *here)].sum()
    total = motion.sum()
    return motion / total if total else np.full_like(motion, 1 / motion.size)


def moving_voxel(motion: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.intp]:
    """Draw a voxel of a cell, each cell as often as it moves much; at the far ends it may be outside."""
    cell = np.unravel_index(random.choice(motion.size, p=motion.ravel()), motion.shape)
    return np.array(cell, np.intp) * CELL + random.integers(CELL, size=motion.ndim)
