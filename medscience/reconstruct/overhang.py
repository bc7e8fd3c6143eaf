"""What lies beyond a grid along the patient, and is seen all the same.

A patient does not end where the image does: slanted rays cross what lies above and below it. Line integrals
through the image alone are too small there, by all of that. So the image goes on as it ends, as far as rays
reach.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, as_affine
from medscience.reconstruct.fdk import Scanned

ALONG = 1
"""The axis along the patient in IEC's z, y, x."""


def overhang(scan: Scanned, grid: Geometry) -> int:
    """Return how many more slices on each side of a grid, in IEC coordinates, the rays of a scan reach."""
    corners = np.array([grid.world(at) for at in ((0, 0, 0), [n - 1 for n in grid.shape])])
    radius = float(np.hypot(*np.abs(corners[:, [0, 2]]).max(axis=0)))
    rows = scan.detector.world([(0, 0, 0), (0, scan.detector.shape[1] - 1, 0)])[:, 1]
    views = scan.views
    highest = np.abs(rows[:, None] + views.detector_v - views.source_v).max(axis=0)
    furthest = (views.source_to_isocentre + radius) / views.source_to_detector
    reach = float((highest * furthest + np.abs(views.source_v)).max())
    missing = reach - float(np.abs(corners[:, 1]).min())
    return max(ceil(missing / grid.spacing[ALONG]), 0)


def taller(grid: Geometry, slices: int) -> Geometry:
    """Return a grid with so many more slices on each side."""
    matrix = grid.matrix
    matrix[:3, 3] -= slices * matrix[:3, ALONG]
    z, y, x = grid.shape
    return Geometry((z, y + 2 * slices, x), as_affine(matrix))


def going_on(volume: NDArray[np.float32], slices: int) -> NDArray[np.float32]:
    """Return a volume (..., z, y, x) that goes on along y as it ends, for so many slices on each side."""
    return np.pad(volume, [(0, 0)] * (volume.ndim - 2) + [(slices, slices), (0, 0)], mode="edge")
