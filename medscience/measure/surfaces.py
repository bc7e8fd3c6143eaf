"""How far apart the surfaces of two objects lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from medscience.geometry import Geometry

EDGES = ndimage.generate_binary_structure(3, 2)
"""A voxel lies on a surface if one that shares a face or an edge with it lies outside."""


@dataclass(frozen=True, slots=True)
class Distances:
    """Between the surface voxels of two objects, from each to the nearest of the other, both ways."""

    assd_mm: float
    """Average symmetric surface distance: the mean over the voxels of both surfaces."""
    rmsd_mm: float
    """Root mean square of the same."""
    hd95_mm: float
    """The larger of the two ways' 95th percentiles."""
    msd_mm: float
    """Maximum, the Hausdorff distance."""


def surface_distances(
    first: NDArray[np.bool_], second: NDArray[np.bool_], geometry: Geometry
) -> Distances | None:
    """Return how far apart the surfaces of two objects lie, or None where one of them is empty.

    Heimann et al. 2009, doi:10.1109/TMI.2009.2013851, as the challenge LiTS measures it: points are the
    middles of surface voxels, each of one weight; what lies outside of the image is outside of the object.

    Parameters
    ----------
    first, second : ndarray of bool, shape (Z, Y, X)
        On one grid.
    geometry : Geometry
        That grid, of any orientation and shear.
    """
    if not (first.any() and second.any()):
        return None
    ours, theirs = (geometry.world(np.argwhere(_surface(mask))) for mask in (first, second))
    there, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
    every = np.concatenate([there, back])
    return Distances(
        assd_mm=float(every.mean()),
        rmsd_mm=float(np.sqrt((every**2).mean())),
        hd95_mm=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        msd_mm=float(every.max()),
    )


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask, EDGES))
