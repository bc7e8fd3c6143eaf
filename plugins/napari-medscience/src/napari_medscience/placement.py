"""Where an array lies in napari's world, whose axes are (z, y, x) in RAS+ millimetres."""

from typing import Any

import numpy as np

from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning

UPRIGHT = "SAR"
"""Array axes that run as napari's: z to the head, y to the front, x to the right."""

UPRIGHT_WITHIN = 5e-4
"""Millimetres: a grid whose corners move less when it is made upright is shown as upright."""

UNITS = {"t": "s", "c": "pixel", "z": "mm", "y": "mm", "x": "mm"}
"""napari's name for the unit of each axis; pixel is its word for none."""


def placement(meaning: Meaning) -> dict[str, Any]:
    """Return the arguments that put an array where it lies.

    napari cuts 2D slices along array axes, so the array must have been turned to `UPRIGHT` before. Along an
    axis t the world is in seconds, or in numbers of volumes where the time step is unknown; frames of a video
    are in pixels where the size of these is unknown.

    Parameters
    ----------
    meaning : Meaning
        Of the turned array.

    Returns
    -------
    dict
        `axis_labels`, `units`, `scale`, and `translate` for an upright grid or `affine` for an oblique one.

    Examples
    --------
    >>> grid = Geometry((5, 6, 7), as_affine([[0, 0, 1, 9], [0, 2, 0, 8], [3, 0, 0, 7], [0, 0, 0, 1]]))
    >>> placed = placement(Meaning(grid))
    >>> placed["scale"], placed["translate"], placed["units"]
    ([3.0, 2.0, 1.0], [7.0, 8.0, 9.0], ['mm', 'mm', 'mm'])
    """
    geometry, lead = meaning.geometry, meaning.axes[:-3]
    steps = [(meaning.time_step or 1.0) if axis == "t" else 1.0 for axis in lead]
    units = [UNITS[axis] for axis in meaning.axes]
    if "t" in lead and meaning.time_step is None:
        units[lead.index("t")] = "pixel"
    if meaning.space == "pixels":
        units[-3:] = ["pixel"] * 3
    place = {
        "axis_labels": list(meaning.axes),
        "units": units,
        "scale": [*steps, *geometry.spacing],
    }
    origin = geometry.origin[::-1]
    if is_upright(geometry):
        return place | {"translate": [*(0.0 for _ in lead), *origin]}
    affine = np.eye(len(meaning.axes) + 1)
    affine[-4:-1, -4:-1] = geometry.directions[::-1]
    affine[-4:-1, -1] = origin
    return place | {"affine": affine}


def is_upright(geometry: Geometry) -> bool:
    """Whether the axes of a turned grid run along the world's."""
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0, 3], [0, 1, 2, 3]] = (*geometry.spacing, 1.0)
    matrix[:3, 3] = geometry.origin
    return geometry.close_to(Geometry(geometry.shape, as_affine(matrix)), UPRIGHT_WITHIN)


def tilt(geometry: Geometry) -> float | None:
    """Return the largest angle between an axis of a grid and the world's, in degrees; None if upright."""
    turned = geometry.reoriented(geometry.reorientation(UPRIGHT))
    if is_upright(turned):
        return None
    cosines = np.diag(turned.directions[::-1])
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())
