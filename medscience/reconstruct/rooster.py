"""ROOSTER (Mory et al. 2014, doi:10.1118/1.4870374), by RTK: all phases at once, smooth in space and time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.reconstruct.fdk import Scanned
from medscience.reconstruct.overhang import going_on, overhang, taller
from medscience.reconstruct.rtk import as_itk, as_rtk, toolkit

PARTS = {
    "Positivity": True,
    "TVSpatialDenoising": True,
    "TVTemporalDenoising": True,
    "MotionMask": False,
    "Warping": False,
}
"""Of each round, by RTK's names."""


@dataclass(frozen=True, slots=True)
class Rooster:
    """How much ROOSTER smooths, and how long it goes on; tune both for a kind of scan and a voxel size."""

    space: float = 0.00005
    """Weight of the total variation in space, of attenuation in 1/mm."""
    time: float = 0.0002
    """Weight of the total variation from phase to phase."""
    rounds: int = 10
    """Of all steps."""
    steps: int = 4
    """Of conjugate gradients in each round."""
    smoothing: int = 10
    """Steps of smoothing in each round; 2 or more."""


def rooster(
    scan: Scanned,
    phases: NDArray[np.float64],
    grid: Geometry,
    begun: NDArray[np.float32],
    settings: Rooster,
) -> NDArray[np.float32]:
    """Return the attenuation of all phases, in 1/mm.

    Parameters
    ----------
    scan : Scanned
        All its views are held in memory.
    phases : ndarray
        Of each view, in [0, 1); views without one (NaN) are left out.
    grid : Geometry
        In IEC coordinates.
    begun : ndarray, shape (T, Z, Y, X)
        From where to start: the prior in each phase.
    settings : Rooster
        Weights and rounds.

    Returns
    -------
    ndarray of float32, shape (T, Z, Y, X)
        Along IEC's axes.
    """
    itk, rtk = toolkit()
    beyond = overhang(scan, grid)
    begun, grid = going_on(begun, beyond), taller(grid, beyond)
    known = np.flatnonzero(np.isfinite(phases))
    _, v, u = scan.detector.spacing
    z, y, x = grid.spacing
    filtered = rtk.FourDROOSTERConeBeamReconstructionFilter[itk.Image[itk.F, 4], itk.Image[itk.F, 3]].New()
    kept = [
        _series(itk, begun, (x, y, z, 1.0), (*grid.origin, 0.0)),
        as_itk(scan.read(known), (u, v, 1.0), scan.detector.origin),
        as_rtk(scan.views.take(known)),
        _as_matrix(itk, between(phases[known], len(begun))),
    ]
    filtered.SetInputVolumeSeries(kept[0])
    filtered.SetInputProjectionStack(kept[1])
    filtered.SetGeometry(kept[2])
    filtered.SetWeights(kept[3])
    filtered.SetSignal(phases[known].tolist())
    filtered.SetForwardProjectionFilter(filtered.ForwardProjectionType_FP_JOSEPH)
    filtered.SetBackProjectionFilter(filtered.BackProjectionType_BP_VOXELBASED)
    for part, wanted in PARTS.items():
        getattr(filtered, f"SetPerform{part}")(wanted)
    filtered.SetGammaTVSpace(settings.space)
    filtered.SetGammaTVTime(settings.time)
    filtered.SetMainLoop_iterations(settings.rounds)
    filtered.SetCG_iterations(settings.steps)
    filtered.SetTV_iterations(settings.smoothing)
    filtered.Update()
    found: NDArray[np.float32] = itk.array_from_image(filtered.GetOutput())
    return found[:, :, beyond : beyond + found.shape[2] - 2 * beyond]


def between(phases: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Return the part (count, views) that each phase image has in each view, linear round the circle.

    >>> between(np.array([0.0, 0.375, 0.875]), 4).tolist()
    [[1.0, 0.0, 0.5], [0.0, 0.5, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]
    """
    place = phases * count
    below = np.floor(place).astype(int)
    weights = np.zeros((count, len(phases)), np.float32)
    each = np.arange(len(phases))
    weights[(below + 1) % count, each] = place - below
    weights[below % count, each] += (1 - (place - below)).astype(np.float32)
    return weights


def _series(
    itk: Any,  # noqa: ANN401
    array: NDArray[np.float32],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
) -> Any:  # noqa: ANN401
    image = itk.image_from_array(np.ascontiguousarray(array))
    image.SetSpacing(list(spacing))
    image.SetOrigin(list(origin))
    return image


def _as_matrix(itk: Any, array: NDArray[np.float32]) -> Any:  # noqa: ANN401
    matrix = itk.Array2D[itk.F](*array.shape)
    for row, numbers in enumerate(array):
        for column, number in enumerate(numbers.tolist()):
            matrix.SetElement(row, column, number)
    return matrix
