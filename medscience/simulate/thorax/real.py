"""A real CT as the anatomy at rest of a person who breathes."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from medscience.geometry import Geometry, Sizes
from medscience.image import Image
from medscience.simulate.thorax.anatomy import Anatomy
from medscience.simulate.thorax.canvas import AIR, Canvas, upright
from medscience.simulate.thorax.motion import Mask, body_of, lungs_of
from medscience.simulate.thorax.organs import paint_tumour

DOME = -22.0
"""Where the lowest part of the lungs comes to lie, as in simulated people, mm from the isocentre."""


def anatomy_of(ct: Image, seed: int, shape: Sizes, spacing: float) -> Anatomy:
    """Return a CT around the isocentre of a scanner, with a tumour that is painted into a lower lobe.

    The couch and all else that is not the body becomes air. Beyond its first and last slice the CT goes on as
    it is there, so that rays from outside the field of view have something to pass.

    Parameters
    ----------
    ct : Image
        A volume in Hounsfield units, which shows the lungs.
    seed : int
        Chooses the tumour.
    shape, spacing
        As of `simulate_anatomy`.

    Raises
    ------
    InputError
        If no lungs are seen.
    """
    turned = ct.turned(ct.geometry.reorientation("SAR"))
    values = turned.read(tuple(slice(None) for _ in turned.shape)).astype(np.float32)
    body = body_of(values)
    lungs = lungs_of(values, body)
    values[~body] = AIR
    canvas = Canvas.empty(shape, spacing)
    grid = upright(shape, spacing)
    places = grid.world(np.moveaxis(np.indices(shape), 0, -1)) + _middle(turned.geometry, lungs)
    where = turned.geometry.index(places)
    canvas.hu[...] = map_coordinates(values, np.moveaxis(where, -1, 0), order=1, mode="nearest")
    seen = lungs_of(canvas.hu, body_of(canvas.hu))
    depth = distance_transform_edt(seen, sampling=spacing) - distance_transform_edt(~seen, sampling=spacing)
    random = np.random.default_rng([seed, 0x7202])
    tumour = paint_tumour(canvas, DOME, depth.astype(np.float32), random)
    return Anatomy(canvas.hu, tumour, grid)


def _middle(geometry: Geometry, lungs: Mask) -> NDArray[np.float64]:
    """The world's place of what becomes the isocentre: amid the lungs, a little above their lowest part."""
    z, y, x = np.nonzero(lungs)
    low, high = (np.quantile(values, (0.01, 0.99)) for values in (y, x))
    bottom = float(np.quantile(z, 0.05)) - DOME / geometry.spacing[0]
    return geometry.world((bottom, low.mean(), high.mean()))
