"""Filtered backprojection of a cone beam (Feldkamp, Davis and Kress 1984), by RTK, some views at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.errors import MismatchError
from medscience.geometry import Geometry, as_affine
from medscience.reconstruct.rtk import as_array, as_itk, as_rtk, blank, image_type, toolkit
from medscience.reconstruct.weights import Arc, half_fan, ray_angles, reach, shares, short_scan
from medscience.views import Views

BATCH = 48
"""Views that are filtered at once."""
Projections = Callable[[NDArray[np.intp]], NDArray[np.float32]]
"""Gives line integrals (n, V, U) of views, by their numbers."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan that waits to be reconstructed."""

    views: Views
    detector: Geometry
    """The grid of a view, (1, V, U)."""
    read: Projections

    def check(self) -> None:
        """Refuse an arc from which no image follows.

        Raises
        ------
        MismatchError
            If some lines through the body are seen by no view.
        """
        arc, (left, right) = Arc.of(self.views), reach(self.views, self.detector)
        if arc.is_full:
            return
        shifted = abs(right - left) >= 0.1 * (left + right)
        needed = 340.0 if shifted else 180 + 2 * float(np.degrees(min(left, right)))
        if arc.length < needed:
            raise MismatchError(
                "RECONSTRUCT-ARC",
                field="arc",
                found=f"{arc.length:.1f} degrees",
                expected=f"{needed:.1f} or more: "
                + ("a full turn" if shifted else "half a turn and the fan"),
                fix="give all views of the scan; without them the image would be wrong",
            )


def fdk(scan: Scanned, chosen: NDArray[np.intp], grid: Geometry) -> NDArray[np.float32]:
    """Return the attenuation on a grid from some views of a scan, in 1/mm.

    Parameters
    ----------
    scan : Scanned
        Decides the weights of rays: half-fan and short scan are of the whole scan, not of the chosen views.
    chosen : ndarray of int
        Numbers of the views.
    grid : Geometry
        In IEC coordinates, its axes z, y, x along the scanner's.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Along IEC's z, y, x.
    """
    _, rtk = toolkit()
    volume = blank(grid)
    arc, sides = Arc.of(scan.views), reach(scan.views, scan.detector)
    share = shares(scan.views.gantry_deg[chosen], arc)
    for some in np.array_split(np.arange(len(chosen)), -(-len(chosen) // BATCH)):
        numbers = chosen[some]
        views = scan.views.take(numbers)
        angles = ray_angles(views, scan.detector)
        weights = half_fan(angles, *sides) * short_scan(angles, views.gantry_deg, arc)
        weights *= (share[some] / shares(views.gantry_deg, Arc(0.0, 360.0)).clip(1e-3))[:, None]
        padded, detector = _widened(
            scan.read(numbers) * weights[:, None].astype(np.float32), scan.detector, sides
        )
        _, v, u = detector.spacing
        filtered = rtk.FDKConeBeamReconstructionFilter[image_type()].New()
        filtered.SetInput(0, volume)
        filtered.SetInput(1, as_itk(padded, (u, v, 1.0), detector.origin))
        filtered.SetGeometry(as_rtk(views))
        filtered.Update()
        volume = filtered.GetOutput()
        volume.DisconnectPipeline()
    return as_array(volume)


def _widened(
    views: NDArray[np.float32], detector: Geometry, sides: tuple[float, float]
) -> tuple[NDArray[np.float32], Geometry]:
    """Give a shifted detector columns of zeros, so that its filter sees an even weight on both sides."""
    left, right = sides
    if abs(right - left) < 0.1 * (left + right):
        return views, detector
    width = detector.shape[2]
    before, after = (width, 0) if right > left else (0, width)
    matrix = detector.matrix
    matrix[0, 3] -= before * detector.spacing[2]
    wider = Geometry((1, detector.shape[1], 2 * width), as_affine(matrix))
    return np.pad(views, ((0, 0), (0, 0), (before, after))), wider
