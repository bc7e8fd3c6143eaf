"""A head in its image: what the border cuts, and how even the sides of the brain are."""

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import NAMES, Geometry
from medscience.image import Image

SIDES = {"L": "left", "R": "right", "P": "back", "A": "front", "S": "top"}
"""The faces of an image that a head should not reach; the neck leaves through the other."""


def border_shares(image: Image, bright: float, lowest_mm: float) -> dict[str, float]:
    """Return the share of each face of an image, but the lower one, that bright voxels cover.

    Parameters
    ----------
    image : Image
        Axes (z, y, x), of any orientation; a face is named by the direction nearest to its own.
    bright : float
        Voxels above this count.
    lowest_mm : float
        So do only those at or above this world height: shoulders may reach the border.
    """
    shares = {}
    for axis, letter in enumerate(image.geometry.orientation):
        (ends,) = (pair for pair in NAMES if letter in pair)
        opposite = ends[1 - ends.index(letter)]
        for place, side in ((0, opposite), (image.shape[axis] - 1, letter)):
            if side in SIDES:
                shares[SIDES[side]] = _share(image, axis, place, bright, lowest_mm)
    return shares


def _share(image: Image, axis: int, place: int, bright: float, lowest_mm: float) -> float:
    """Return the share of one layer of an image, across an axis, that bright voxels cover."""
    z, y, x = (slice(place, place + 1) if n == axis else slice(0, image.shape[n]) for n in range(3))
    layer = image.geometry.crop(
        (z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start)
    )
    tissue = (image.read((z, y, x)) > bright) & (coordinates(layer, 2) >= lowest_mm)
    return float(tissue.mean())


def asymmetry(brain: NDArray[np.bool_], tissue: NDArray[np.bool_], geometry: Geometry) -> float:
    """Return (right - left) / (right + left) of a brain, about the middle of the head.

    The middle is that of the head's tissue, not of the brain: where a half is missing, the middle of the rest
    says nothing. The plane between the sides stands across the world's left-right axis; a voxel that it cuts
    counts for both sides.

    Parameters
    ----------
    brain : ndarray of bool, shape (Z, Y, X)
        Labelled voxels, at least one.
    tissue : ndarray of bool, shape (Z, Y, X)
        The head's tissue at the height of the brain and above.
    geometry : Geometry
        The grid, of any orientation.
    """
    x = coordinates(geometry, 0)
    middle = x[brain | tissue].mean()
    width = np.abs(geometry.matrix[0, :3]).sum()
    return float(np.clip((x[brain] - middle) / width, -0.5, 0.5).mean() * 2)


def coordinates(geometry: Geometry, axis: int) -> NDArray[np.float64]:
    """Return every voxel's world coordinate along x (0), y (1) or z (2), RAS+ millimetres."""
    z, y, x = np.ogrid[tuple(slice(n) for n in geometry.shape)]
    along_z, along_y, along_x, origin = geometry.affine[axis]
    return np.asarray(along_z * z + along_y * y + along_x * x + origin, dtype=np.float64)
