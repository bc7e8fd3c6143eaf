"""Phantoms whose truth is known: grids of every orientation, and landmarks in them."""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from medscience.errors import GeometryError
from medscience.geometry import Geometry, Sizes, Triple, as_affine
from medscience.testing.strategies import rotation

SHAPE: Sizes = (7, 9, 11)
"""Three different sides, so that no two axes can be confused."""

SPACING: Triple = (2.5, 0.8, 1.2)
"""Millimetres along (z, y, x), all different."""

CENTRE = (12.0, -7.0, 31.0)
"""World position of the middle of every phantom's box, RAS+ millimetres: on no axis of symmetry."""

BRIGHT = 1000
"""Value of a landmark's voxels; everything else is 0."""


@dataclass(frozen=True, slots=True)
class Landmark:
    """A volume with one bright cube, three voxels wide, on black."""

    volume: NDArray[np.int16]
    """Shape (Z, Y, X), `BRIGHT` in the cube and 0 elsewhere."""
    world: NDArray[np.float64]
    """World position (x, y, z) of the cube's middle, RAS+ millimetres."""


def orientations(shape: Sizes = SHAPE, spacing: Triple = SPACING) -> list[Geometry]:
    """Return the 48 axis permutations and flips of an upright grid.

    All have the same shape and spacing along their own axes, and the same middle; no two have the
    same affine.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along (z, y, x).
    spacing : tuple of float
        Voxel size along (z, y, x), in millimetres.

    Returns
    -------
    list of Geometry

    Examples
    --------
    >>> grids = orientations()
    >>> len({grid.orientation for grid in grids}), grids[0].orientation
    (48, 'RAS')
    """
    grids = []
    for worlds, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        directions = np.zeros((3, 3))
        directions[worlds, range(3)] = signs
        grids.append(_centred(shape, directions * spacing))
    return grids


def obliques(
    count: int = 20, seed: int = 0, shape: Sizes = SHAPE, spacing: Triple = SPACING
) -> list[Geometry]:
    """Return grids turned by any angle about any axis, half of them mirrored.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        The same seed gives the same grids.
    shape : tuple of int
        Number of voxels along (z, y, x).
    spacing : tuple of float
        Voxel size along (z, y, x), in millimetres.

    Returns
    -------
    list of Geometry

    Examples
    --------
    >>> [grid.orientation for grid in obliques(count=2)] == [
    ...     grid.orientation for grid in obliques(count=2)
    ... ]
    True
    """
    random = np.random.default_rng([seed, 0x0B11])
    grids = []
    for number in range(count):
        turn = rotation(random.standard_normal(3), random.uniform(0.1, np.pi))
        mirror = np.diag([1.0, 1.0, -1.0 if number % 2 else 1.0])
        grids.append(_centred(shape, turn @ mirror * spacing))
    return grids


def landmark(geometry: Geometry, index: Sizes | None = None) -> Landmark:
    """Return a volume on a grid with one bright cube, three voxels wide, and where it lies.

    The cube is symmetric: the brightness-weighted centroid of the volume is its middle, also after
    linear interpolation, so that a reader can be held to a part of a voxel.

    Parameters
    ----------
    geometry : Geometry
        The grid; every side is three voxels or more.
    index : tuple of int, optional
        Index (z, y, x) of the cube's middle; if not given, the voxel (1, 2, 3) or the nearest that
        fits, which no flip of `SHAPE` maps onto itself.

    Returns
    -------
    Landmark

    Raises
    ------
    GeometryError
        If the cube does not fit into the grid there.

    Examples
    --------
    >>> mark = landmark(Geometry((4, 5, 6), as_affine(np.eye(4)[[2, 1, 0, 3]])), (1, 2, 3))
    >>> mark.world.tolist(), int((mark.volume > 0).sum())
    ([3.0, 2.0, 1.0], 27)
    """
    z, y, x = (min(wish, n - 2) for wish, n in zip((1, 2, 3), geometry.shape, strict=True))
    middle = (z, y, x) if index is None else index
    if any(not 1 <= i <= n - 2 for i, n in zip(middle, geometry.shape, strict=True)):
        raise GeometryError(
            "PHANTOM-LANDMARK",
            field="index",
            found=f"{middle} in {geometry.shape}",
            expected="a voxel with neighbours on all sides",
            fix="move the landmark inwards, or make the grid larger",
        )
    volume = np.zeros(geometry.shape, dtype=np.int16)
    volume[tuple(slice(i - 1, i + 2) for i in middle)] = BRIGHT
    return Landmark(volume, geometry.world(middle))


def centroid(volume: NDArray[np.generic], geometry: Geometry) -> NDArray[np.float64]:
    """Return the brightness-weighted middle of a volume in the world.

    Parameters
    ----------
    volume : ndarray, shape (Z, Y, X)
        Not negative, not all 0.
    geometry : Geometry
        Its grid.

    Returns
    -------
    ndarray, shape (3,)
        World position (x, y, z), RAS+ millimetres.

    Examples
    --------
    >>> grid = orientations()[5]
    >>> mark = landmark(grid)
    >>> bool(np.allclose(centroid(mark.volume, grid), mark.world))
    True
    """
    weights = volume.astype(np.float64)
    axes = np.meshgrid(*(np.arange(n) for n in weights.shape), indexing="ij")
    middle = [float((axis * weights).sum() / weights.sum()) for axis in axes]
    return geometry.world(middle)


def _centred(shape: Sizes, steps: NDArray[np.float64]) -> Geometry:
    """Return the grid with these steps (3, 3) from voxel to voxel whose middle lies at `CENTRE`."""
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    matrix[:3, 3] = np.array(CENTRE) - steps @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, as_affine(matrix))
