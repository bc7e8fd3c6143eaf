"""Where something that is known goes through the phases: the shift at which it is most like the image."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, map_coordinates, spline_filter
from scipy.optimize import minimize

from medscience.geometry import Geometry

REACH = 24.0
"""Millimetres in each direction in which it is looked for."""
MARGIN = 2
"""Voxels around it that are compared too."""

Volume = NDArray[np.floating]
Mask = NDArray[np.bool_]


def displacement(image: Volume, template: Volume, inside: Mask, geometry: Geometry) -> NDArray[np.float64]:
    """Return how far, and where to, something lies from its place in a template, in RAS+ millimetres.

    The shift with the largest correlation between the template's voxels, in and next to a mask, and the
    image's: first among whole voxels, then between them, by cubic splines.

    Parameters
    ----------
    image, template : ndarray, shape (Z, Y, X)
        In which it is looked for, and in which its place is known.
    inside : ndarray of bool
        What it is in the template.
    geometry : Geometry
        Of all three.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    places = np.argwhere(binary_dilation(inside, iterations=MARGIN)).astype(np.float64)
    wanted = template[binary_dilation(inside, iterations=MARGIN)].astype(np.float64)
    if not len(places):
        raise ValueError("nothing to look for")
    smooth = spline_filter(image.astype(np.float64), order=3, mode="nearest")

    def unlikeness(shift: NDArray[np.float64]) -> float:
        seen = map_coordinates(smooth, (places + shift).T, order=3, prefilter=False, mode="nearest")
        spread = seen.std() * wanted.std()
        return (
            1.0
            if spread < 1e-9
            else -float(((seen - seen.mean()) * (wanted - wanted.mean())).mean() / spread)
        )

    best = min(_whole_shifts(geometry), key=unlikeness)
    steps = best + np.vstack(
        [np.zeros(3), 0.5 * np.eye(3)]
    )  # else it hardly moves along an axis that is at 0
    found = minimize(
        unlikeness,
        best,
        method="Nelder-Mead",
        options={"xatol": 1e-3, "fatol": 1e-9, "initial_simplex": steps},
    )
    turned: NDArray[np.float64] = geometry.matrix[:3, :3] @ found.x
    return turned


def _whole_shifts(geometry: Geometry) -> list[NDArray[np.float64]]:
    """All shifts by whole voxels within reach."""
    ranges = [np.arange(-int(REACH / side), int(REACH / side) + 1) for side in geometry.spacing]
    shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(shifts * geometry.spacing, axis=1) <= REACH
    return list(shifts[near].astype(np.float64))


def amplitude(centroids: NDArray[np.float64]) -> float:
    """Return the longest way between two phases of a path (phases, 3), in millimetres.

    >>> amplitude(np.array([[0.0, 0, 0], [0, 3, 4], [0, 1, 1]]))
    5.0
    """
    ways = np.linalg.norm(centroids[:, None] - centroids[None], axis=-1)
    return float(ways.max())


def kept(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the part of a true path (phases, 3) that was found: 1 for all of it, less where it is blurred.

    The slope of the least-squares line through the origin, both paths about their middles.

    >>> path = np.array([[0.0, 0, 0], [0, 0, 4], [0, 0, 10]])
    >>> round(kept(0.5 * path + 7, path), 6)
    0.5
    """
    one, other = (path - path.mean(axis=0) for path in (found, truth))
    return float((one * other).sum() / (other * other).sum())
