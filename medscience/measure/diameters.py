"""How wide a lesion is on a slice: the longest diameter, and the longest one across it.

RECIST 1.1 takes the longest diameter in the plane in which the images were acquired (Eisenhauer et al. 2009,
doi:10.1016/j.ejca.2008.10.026); WHO takes the longest one perpendicular to it as well (Miller et al. 1981,
Cancer 47(1):207-214).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, distance

from medscience.geometry import Geometry

EQUAL = 1e-6
"""Millimetres by which two diameters of one length may differ."""
TOUCHING = np.ones((3, 3), dtype=bool)
"""Pixels of a slice that share an edge or a corner are seen as one."""


@dataclass(frozen=True, slots=True, order=True)
class Diameters:
    """The two diameters of a lesion, and the slice that they were taken on."""

    longest_mm: float
    perpendicular_mm: float
    slice: int
    """Index along the axis that `axial_axis` names."""


def axial_axis(geometry: Geometry) -> int:
    """Return the array axis across which the axial slices lie: the one that runs nearest to head and feet.

    Its slices are those of the grid, never new ones: on an oblique scan they lean, by `slice_tilt`.

    >>> axial_axis(Geometry.own((2, 3, 4)))
    0
    """
    return next(axis for axis, letter in enumerate(geometry.orientation) if letter in "IS")


def slice_tilt(geometry: Geometry) -> float:
    """Return the angle between the axial slices of a grid and the patient's axial plane, in degrees."""
    normal = np.cross(*_steps(geometry))
    return float(np.degrees(np.arccos(min(abs(normal[2]) / np.linalg.norm(normal), 1.0))))


def diameters(lesion: NDArray[np.bool_], geometry: Geometry) -> Diameters:
    """Return the longest axial diameter of a lesion, and the longest diameter across it on that slice.

    Calipers span what a slice shows as one piece, around its outline, which runs half a pixel outside of the
    outermost pixels' middles. A dent is spanned. Of diameters of one length, the one with the longest
    perpendicular counts, then the lowest slice.

    Parameters
    ----------
    lesion : ndarray of bool, shape (Z, Y, X)
        At least one voxel.
    geometry : Geometry
        Its grid, of any orientation, spacing and shear.
    """
    axis = axial_axis(geometry)
    plane = _in_plane(geometry)
    found = [
        Diameters(*spans, place)
        for place, slice_ in enumerate(np.moveaxis(lesion, axis, 0))
        for points in _outlines(slice_)
        for spans in [_spans(points @ plane)]
    ]
    longest = max(one.longest_mm for one in found)
    rivals = [one for one in found if one.longest_mm > longest - EQUAL]
    widest = max(one.perpendicular_mm for one in rivals)
    return min((one for one in rivals if one.perpendicular_mm > widest - EQUAL), key=lambda one: one.slice)


def _steps(geometry: Geometry) -> tuple[NDArray[Any], NDArray[Any]]:
    """World vectors from pixel to pixel along the two axes of an axial slice."""
    axis = axial_axis(geometry)
    first, second = (geometry.matrix[:3, n] for n in range(3) if n != axis)
    return first, second


def _in_plane(geometry: Geometry) -> NDArray[np.float64]:
    """The matrix (2, 2) that takes indices of a slice to millimetres along two right-angled axes in it."""
    first, second = _steps(geometry)
    along = first / np.linalg.norm(first)
    across = second - (second @ along) * along
    across /= np.linalg.norm(across)
    return np.array([[step @ along, step @ across] for step in (first, second)])


def _outlines(slice_: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Yield points (N, 2) on the outline of each piece: half a pixel before and behind each pixel."""
    pieces, count = ndimage.label(slice_, structure=TOUCHING)
    half = np.array([(0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)])
    for number in range(1, count + 1):
        pixels = np.argwhere((pieces == number) & ~ndimage.binary_erosion(pieces == number))
        yield (pixels[:, None, :] + half).reshape(-1, 2)


def _spans(points: NDArray[np.float64]) -> tuple[float, float]:
    """The longest distance of two points, and the longest chord of their hull across it."""
    corners = points[ConvexHull(points).vertices]
    between = distance.squareform(distance.pdist(corners))
    longest = float(between.max())
    ends = np.argwhere(np.triu(between) > longest - EQUAL)
    return longest, max(_across(corners, corners[b] - corners[a]) for a, b in ends)


def _across(corners: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
    """The longest chord of a convex outline at right angles to a direction: one end of it is a corner."""
    along = direction / np.linalg.norm(direction)
    x, y = corners @ along, corners @ np.array([-along[1], along[0]])
    ahead, above = np.roll(x, -1) - x, np.roll(y, -1) - y
    part = (x[:, None] - x) / np.where(np.abs(ahead) > EQUAL, ahead, np.inf)
    heights = np.where((part >= -EQUAL) & (part <= 1 + EQUAL), y + part * above, np.nan)
    return float(np.max(np.nanmax(heights, axis=1) - np.nanmin(heights, axis=1)))
