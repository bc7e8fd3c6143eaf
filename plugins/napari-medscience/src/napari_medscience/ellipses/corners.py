"""An ellipse as napari holds it, by the corners of the box around it, and as we do."""

import math

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Ellipse


def corners_of(ellipse: Ellipse) -> NDArray[np.float64]:
    """Return the corners (4, 2) as (y, x) of the box along an ellipse's axes, in order around it.

    >>> corners_of(Ellipse(10, 20, 5, 2, 0)).tolist()
    [[18.0, 5.0], [18.0, 15.0], [22.0, 15.0], [22.0, 5.0]]
    """
    cos, sin = math.cos(math.radians(ellipse.angle)), math.sin(math.radians(ellipse.angle))
    along = ellipse.a * np.array([-sin, cos])  # y runs down, angles anticlockwise
    across = ellipse.b * np.array([cos, sin])
    middle = np.array([ellipse.y, ellipse.x])
    return np.array(
        [middle - across - along, middle - across + along, middle + across + along, middle + across - along]
    )


def ellipse_in(corners: NDArray[np.floating]) -> Ellipse:
    """Return the ellipse in a box, which pulling may have made a parallelogram.

    An ellipse is a circle under a linear map, here by half the sides; its axes are the singular values.

    Raises
    ------
    InputError
        If it has no area.
    """
    box = np.asarray(corners, dtype=np.float64)
    middle = box.mean(axis=0)
    sides = np.stack([(box[1] - box[0]) / 2, (box[2] - box[1]) / 2], axis=1)
    directions, lengths, _ = np.linalg.svd(sides)
    down, right = directions[:, 0]
    angle = math.degrees(math.atan2(-down, right))
    return Ellipse.of(float(middle[1]), float(middle[0]), float(lengths[0]), float(lengths[1]), angle)
