"""Between attenuation and Hounsfield units, with water's attenuation at the scan's energy."""

import numpy as np
from numpy.typing import NDArray


def attenuation_of(hounsfield: NDArray[np.float32], water: float) -> NDArray[np.float32]:
    """Return the attenuation in 1/mm of Hounsfield units; `water` is that of water in 1/mm.

    >>> attenuation_of(np.float32([-1000, 0, 1000]), water=0.02).round(3).tolist()
    [0.0, 0.019999999552965164, 0.03999999910593033]
    """
    return (np.float32(water) * (1 + hounsfield / np.float32(1000))).astype(np.float32)


def hounsfield_of(attenuation: NDArray[np.float32], water: float) -> NDArray[np.float32]:
    """Return the Hounsfield units of attenuation in 1/mm.

    >>> hounsfield_of(np.float32([0, 0.01, 0.02]), water=0.02).tolist()
    [-1000.0, -500.0, 0.0]
    """
    return ((attenuation / np.float32(water) - 1) * np.float32(1000)).astype(np.float32)
