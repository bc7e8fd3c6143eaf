"""How a chest moves when it breathes: a smooth field that brings every place to where its tissue was at rest.

Two movements, each a field times a course in time: the diaphragm draws what lies within the ribs down, most
at its own height and not at all at the top of the lungs, at the ribs and the spine; and the front of the
chest rises, all the more the farther it is from the spine. The second is late, so that paths are loops. The
fields are made from an image alone, so a real CT breathes as a simulated one does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, label
from scipy.spatial import ConvexHull, QhullError

from medscience.errors import InputError

BODY, BONE = -350.0, 190.0
"""Hounsfield units from which a voxel counts as such, at rest."""
SLIDING = 14.0
"""Millimetres from the wall of the chest over which it begins to move."""
TAIL = 140.0
"""Millimetres below the diaphragm over which the movement dies away."""

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where tissue comes from, in voxels: place + down * `sunk` + out * `risen`."""

    sunk: Field
    """Shape (Z, Y, X), voxels along z, by which tissue lies lower with the diaphragm fully down."""
    risen: Field
    """Shape (Y,), voxels along y, by which tissue lies more to the front with the chest fully out."""

    def warped(self, values: Field, down: float, out: float) -> Field:
        """Return values (Z, Y, X) of a chest at rest as they lie at a moment, by linear interpolation.

        Parameters
        ----------
        down, out : float
            How far the diaphragm and the chest's wall have gone: 0 at rest.
        """
        at, part = _between(np.arange(values.shape[1]) - np.float32(out) * self.risen, values.shape[1])
        values = values[:, at] + part[:, None] * (values[:, at + 1] - values[:, at])
        z = np.arange(values.shape[0], dtype=np.float32)[:, None, None]
        at, part = _between(z + np.float32(down) * self.sunk, values.shape[0])
        lower = np.take_along_axis(values, at, 0)
        lower += part * (np.take_along_axis(values, at + 1, 0) - lower)
        return lower

    def only(self, x: slice) -> "Motion":
        """Return the motion of some sagittal planes: nothing moves across them."""
        return Motion(self.sunk[..., x], self.risen)


def _between(where: NDArray[np.floating], size: int) -> tuple[NDArray[np.intp], Field]:
    """The sample below each place, and how far it is to the next one; at the ends, the ends."""
    inside = np.clip(where, 0, size - 1)
    at = np.minimum(inside.astype(np.intp), size - 2)
    return at, (inside - at).astype(np.float32)


def motion_of(
    hu: NDArray[np.floating], spacing: tuple[float, float, float], deep: float, out: float
) -> Motion:
    """Return how a chest moves, from its image at rest.

    Parameters
    ----------
    hu : ndarray, shape (Z, Y, X)
        Axes S-A-R, Hounsfield units, breathed out (or as it is: then that counts as rest).
    spacing : tuple of float
        Along (z, y, x), mm.
    deep, out : float
        Way of the diaphragm, and of the front of the chest, in mm.

    Raises
    ------
    InputError
        If no lungs are seen.
    """
    body = body_of(hu)
    lungs = lungs_of(hu, body)
    cavity = _cavity(lungs, body, spacing)
    free = np.minimum(_rise(distance_transform_edt(cavity, sampling=spacing), 0, SLIDING), 1)
    bone = _spine(hu, body, spacing)
    free = free * _rise(distance_transform_edt(~bone, sampling=spacing), 2, SLIDING)
    heights = np.flatnonzero(lungs.any(axis=(1, 2))) * spacing[0]
    low = float(np.quantile(np.nonzero(lungs)[0] * spacing[0], 0.08))
    z = np.arange(hu.shape[0]) * spacing[0]
    along = _rise(heights[-1] - z, 0, heights[-1] - low) * _rise(z - low + 2 * TAIL, 0, TAIL)
    sigma = [5.0 / step for step in spacing]
    sunk = gaussian_filter((free * along[:, None, None]).astype(np.float32), sigma, mode="nearest")
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    back, front = rows[0] + 0.35 * np.ptp(rows), rows[-1]
    risen = _rise(np.arange(hu.shape[1]) - back, 0, front - back) * np.float32(out / spacing[1])
    return Motion(sunk * np.float32(deep / spacing[0]), risen.astype(np.float32))


def body_of(hu: NDArray[np.floating]) -> Mask:
    """Return the largest thing that is not air, filled slice by slice."""
    parts, count = label(hu > BODY)
    if not count:
        return np.zeros(hu.shape, bool)
    largest = 1 + int(np.bincount(parts.ravel())[1:].argmax())
    return np.stack([binary_fill_holes(one) for one in parts == largest])


def lungs_of(hu: NDArray[np.floating], body: Mask) -> Mask:
    """Return the large airy parts of a body.

    Raises
    ------
    InputError
        If there are none.
    """
    parts, count = label((hu < -450) & body)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    large = 1 + np.flatnonzero(sizes > 0.15 * sizes.max(initial=0))
    if not count or sizes.max() < 0.01 * max(body.sum(), 1):
        raise InputError(
            "SIMULATE-NO-LUNGS",
            field="voxels",
            found="no lungs below -450 HU",
            expected="a CT of a chest in Hounsfield units",
            fix="name a CT that shows the lungs",
        )
    return np.isin(parts, large)


def _cavity(lungs: Mask, body: Mask, spacing: tuple[float, float, float]) -> Mask:
    """What lies within the ribs: around the lungs, and below them as wide as they were above."""
    hulls = np.stack([_hull(one) for one in lungs])
    wide = np.maximum.accumulate(hulls[::-1], axis=0)[::-1]
    depth = np.stack([distance_transform_edt(one, sampling=spacing[1:]) for one in body])
    found: Mask = wide & (depth > 12)
    return found


def _hull(flat: Mask) -> Mask:
    """The convex hull of a slice's voxels."""
    points = np.argwhere(flat)
    try:
        edges = ConvexHull(points).equations
    except (QhullError, ValueError):  # too few points, or all on a line
        return flat
    y, x = np.indices(flat.shape)
    inside = [a * y + b * x + c <= 1e-9 for a, b, c in edges]
    return np.asarray(np.logical_and.reduce(inside))


def _spine(hu: NDArray[np.floating], body: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Bone near the middle of the back."""
    _, y, x = np.nonzero(body)
    middle = np.abs(np.arange(hu.shape[2]) - x.mean()) * spacing[2] < 45
    behind = np.arange(hu.shape[1]) < y.min() + 0.5 * np.ptp(y)
    return np.asarray((hu > BONE) & body & middle & behind[:, None])


def _rise(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    """From 0 at `low` to 1 at `high`, flat at both ends."""
    t = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
