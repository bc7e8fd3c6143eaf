"""A thorax at rest, breathed out, in Hounsfield units; nothing in it is measured from a person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, Sizes
from medscience.simulate.thorax.body import Build, paint_trunk
from medscience.simulate.thorax.canvas import Canvas, upright
from medscience.simulate.thorax.organs import paint_organs, paint_tumour, paint_vessels

FINE = 2.2
"""Millimetres; anatomies with coarser voxels are painted at half of them, and averaged."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A chest that does not move, as the truth about it."""

    hu: NDArray[np.float32]
    """Shape (Z, Y, X), axes S-A-R, Hounsfield units."""
    tumour: NDArray[np.float32]
    """How much of each voxel is tumour, 0 to 1."""
    geometry: Geometry


def simulate_anatomy(seed: int, shape: Sizes, spacing: float) -> Anatomy:
    """Return a thorax that differs with every seed and is the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses the build, the organs, the vessels and the tumour.
    shape : tuple of int
        Voxels along (z, y, x), around the middle of the chest; 380 mm in the width hold everyone.
    spacing : float
        Of the voxels, mm.
    """
    random = np.random.default_rng([seed, 0x7402A])
    build = Build.drawn(random)
    finer = 2 if spacing > FINE else 1
    z, y, x = (n * finer for n in shape)
    canvas = Canvas.empty((z, y, x), spacing / finer)
    cage = paint_trunk(canvas, build, random)
    cavity = paint_organs(canvas, build, cage, random)
    paint_vessels(canvas, build, cavity.lungs, random)
    tumour = paint_tumour(canvas, build.dome, cavity.lungs, random)
    return Anatomy(_coarser(canvas.hu, finer), _coarser(tumour, finer), upright(shape, spacing))


def _coarser(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    z, y, x = (n // factor for n in values.shape)
    cells = values.reshape(z, factor, y, factor, x, factor)
    return np.asarray(cells.mean((1, 3, 5)), np.float32)
