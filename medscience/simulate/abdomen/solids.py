"""Solids as depths below their surfaces in millimetres, negative outside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Triple
from medscience.simulate.fields import Field, Place, rotation


def blob(place: Place, centre: Triple, radii: Triple, degrees: Triple = (0.0, 0.0, 0.0)) -> Field:
    """Return the depth in an ellipsoid, along the ray from its middle; (z, y, x)."""
    turn = rotation(np.array(degrees)).astype(np.float32)
    away = [here - middle for here, middle in zip((place.z, place.y, place.x), centre, strict=True)]
    along = [sum(part * float(w) for part, w in zip(away, row, strict=True)) for row in turn]
    r = np.sqrt(sum((part / radius) ** 2 for part, radius in zip(along, radii, strict=True)))
    rho = np.sqrt(sum(part**2 for part in away))
    return np.asarray(np.where(r > 1e-3, rho * (1 / np.maximum(r, 1e-3) - 1), min(radii)), dtype=np.float32)


def tube(place: Place, points: Sequence[Triple], radii: Sequence[float]) -> Field:
    """Return the depth in a chain of rods from point to point (z, y, x), each as thick as its ends."""
    deepest: Field | None = None
    for start, end, r0, r1 in zip(points, points[1:], radii, radii[1:], strict=False):
        axis = np.subtract(end, start)
        parts = [here - there for here, there in zip((place.z, place.y, place.x), start, strict=True)]
        length = max(float(axis @ axis), 1e-6)
        along = np.clip(sum(p * float(a) for p, a in zip(parts, axis, strict=True)) / length, 0, 1)
        away = np.sqrt(sum((p - along * float(a)) ** 2 for p, a in zip(parts, axis, strict=True)))
        depth = r0 + (r1 - r0) * along - away
        deepest = depth if deepest is None else np.maximum(deepest, depth)
    if deepest is None:
        raise ValueError("a tube has two points at least")
    return np.asarray(deepest, dtype=np.float32)


def box_around(points: Sequence[Triple], margin: float) -> tuple[Triple, Triple]:
    """Return the corners of the box around points, and so much more on all sides."""
    all_points: NDArray[np.float64] = np.array(points)
    low, high = (all_points.min(axis=0) - margin).tolist(), (all_points.max(axis=0) + margin).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
