"""A patch: what a network learns from at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IGNORED = -1
"""Label of voxels that do not count: nobody looked at them."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of an image and its labels, both of shape (I, J, K)."""

    image: NDArray[np.float32]
    labels: NDArray[np.int64]
    name: str
    """Where it was taken, to be named if it is at fault."""
