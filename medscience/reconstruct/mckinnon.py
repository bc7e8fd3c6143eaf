"""McKinnon and Bates 1981 (doi:10.1109/TBME.1981.324788): only what moves is reconstructed from few views."""

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.reconstruct.fdk import Scanned, fdk
from medscience.reconstruct.overhang import going_on, overhang, taller
from medscience.reconstruct.project import line_integrals


def mckinnon_bates(
    scan: Scanned, chosen: NDArray[np.intp], grid: Geometry, prior: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the attenuation of a phase: the prior, and what the phase's views see differently.

    Parameters
    ----------
    scan, chosen, grid
        As of `medscience.reconstruct.fdk.fdk`.
    prior : ndarray, shape (Z, Y, X)
        The attenuation as far as it is known before, on the same grid: from all views, or of this phase.
    """
    beyond = overhang(scan, grid)
    known, everywhere = going_on(prior, beyond), taller(grid, beyond)

    def differences(numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        return scan.read(numbers) - line_integrals(known, everywhere, scan.views.take(numbers), scan.detector)

    moved = fdk(Scanned(scan.views, scan.detector, differences), chosen, grid)
    return prior + moved
