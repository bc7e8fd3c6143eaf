"""How much each ray counts in a filtered backprojection: no line through the body more than once.

Angles of rays are in the plane of rotation, from the line between source and isocentre, growing along the
detector's rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.views import Views

FULL = 340.0
"""Degrees from which on a scan is a full turn: RTK takes a hole of 20 degrees for the end of a short scan."""
Angles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arc:
    """The part of the circle over which a scan goes, in degrees, as angles grow."""

    start: float
    length: float

    @classmethod
    def of(cls, views: Views) -> "Arc":
        """Return the arc of a scan: the circle without its largest hole; all of it if that is small.

        >>> Arc.of(Views.circle([350, 10, 100, 190], 1000, 1500))
        Arc(start=350.0, length=200.0)
        """
        angles = np.sort(np.mod(views.gantry_deg, 360))
        holes = np.diff(angles, append=angles[0] + 360)
        widest = int(np.argmax(holes))
        length = 360.0 - float(holes[widest])
        start = float(angles[(widest + 1) % len(angles)])
        return cls(start, length) if length < FULL else cls(start, 360.0)

    @property
    def is_full(self) -> bool:
        """Whether it is a full turn."""
        return self.length == 360.0

    def along(self, gantry_deg: Angles) -> Angles:
        """Return how far along the arc angles are."""
        return np.mod(np.asarray(gantry_deg) - self.start + 1e-9, 360) - 1e-9


def shares(gantry_deg: Angles, arc: Arc) -> Angles:
    """Return the angle, in degrees, for which each of some views stands; together they stand for the arc.

    Half of the way to both neighbours; the first and the last of a short scan reach to the arc's ends.

    >>> shares(np.array([10.0, 30.0, 130.0]), Arc(0.0, 200.0)).tolist()
    [20.0, 60.0, 120.0]
    """
    along = arc.along(gantry_deg)
    order = np.argsort(along, kind="stable")
    ordered = along[order]
    middles = (ordered[1:] + ordered[:-1]) / 2
    if arc.is_full:
        last = (ordered[-1] + ordered[0] + 360) / 2
        edges = np.concatenate([[last - 360], middles, [last]])
    else:
        edges = np.concatenate([[0.0], middles, [arc.length]])
    found = np.empty_like(along)
    found[order] = np.diff(edges)
    return found


def ray_angles(views: Views, detector: Geometry) -> Angles:
    """Return the angle (views, U) of the ray to each column, in radians."""
    columns = detector.origin[0] + np.arange(detector.shape[2]) * detector.spacing[2]
    from_source = columns + (views.detector_u - views.source_u)[:, None]
    straight = np.arctan(from_source / views.source_to_detector[:, None])
    angles: Angles = straight + np.arctan(views.source_u / views.source_to_isocentre)[:, None]
    return angles


def reach(views: Views, detector: Geometry) -> tuple[float, float]:
    """Return the ray angles that all views have on both sides of the axis, in radians, both positive."""
    angles = ray_angles(views, detector)
    return float(-angles[:, 0].max()), float(angles[:, -1].min())


def half_fan(angles: Angles, left: float, right: float) -> Angles:
    """Return the weights of the rays of a shifted detector (Wang 2002, doi:10.1118/1.1489043; RTK's form).

    Rays that the opposite view has too share with it, in a way that is smooth along the detector and sums to
    two; the others count twice, since a full turn counts every line twice. One where nothing is shifted.
    """
    overlap = min(left, right)
    if abs(right - left) < 0.1 * (left + right):
        return np.ones_like(angles)
    sign = 1 if right > left else -1
    return 1 + np.sin(np.clip(sign * angles / overlap, -1, 1) * np.pi / 2)


def short_scan(angles: Angles, gantry_deg: Angles, arc: Arc) -> Angles:
    """Return the weights of a scan over less than a full turn (Parker 1982, doi:10.1118/1.595078).

    Parameters
    ----------
    angles : ndarray, shape (views, U)
        Of the rays, in radians.
    gantry_deg : ndarray, shape (views,)
        Of the views.
    arc : Arc
        Of the scan. One everywhere for a full turn.
    """
    if arc.is_full:
        return np.ones_like(angles)
    beta = np.radians(arc.along(gantry_deg))[:, None]
    delta, alpha = (np.radians(arc.length) - np.pi) / 2, -angles
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.sin(np.pi / 4 * beta / (delta - alpha)) ** 2
        fall = np.sin(np.pi / 4 * (np.pi + 2 * delta - beta) / (delta + alpha)) ** 2
    weights = np.where(beta <= 2 * (delta - alpha), rise, np.where(beta <= np.pi - 2 * alpha, 1.0, fall))
    return 2 * np.where(beta <= np.pi + 2 * delta, np.nan_to_num(weights), 0.0)
