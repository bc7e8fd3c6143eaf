"""Where source and detector are in each view of a cone-beam scan.

The model and its names are RTK's (`ThreeDCircularProjectionGeometry`), in the fixed coordinates of IEC 61217:
the gantry turns about y; at 0 degrees the source is at z = source to isocentre, the detector below.
"""

from dataclasses import dataclass, fields
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medscience.errors import GeometryError

Numbers = NDArray[np.float64]
"""One for each view."""
MOST_VIEWS = 100_000
LARGEST_OFFSET = 1000.0
"""Millimetres from the isocentre's ray to a detector's origin, or from the circle to the source."""
DISTANCES = (50.0, 10_000.0)
"""Millimetres between source and isocentre or detector: less is metres, or no scanner for bodies."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The geometry of a scan: one number for each view; angles in degrees, lengths in millimetres.

    Raises
    ------
    GeometryError
        If the numbers are not finite, of different counts, or cannot be those of a scanner.
    """

    gantry_deg: Numbers
    """Angle of the gantry, growing clockwise as someone sees it who looks at the gantry's front."""
    source_to_isocentre: Numbers
    source_to_detector: Numbers
    detector_u: Numbers
    """RTK's ProjectionOffsetX: where the detector's own origin lies along its rows."""
    detector_v: Numbers
    """RTK's ProjectionOffsetY: the same along its columns."""
    source_u: Numbers
    """RTK's SourceOffsetX: how far the source is off its circle, along the detector's rows."""
    source_v: Numbers
    """RTK's SourceOffsetY."""
    out_of_plane_deg: Numbers
    in_plane_deg: Numbers

    def __post_init__(self) -> None:
        count = len(self.gantry_deg)
        if not 1 <= count <= MOST_VIEWS:
            raise _refused("views", count, f"1 to {MOST_VIEWS} of them")
        for field in fields(self):
            column = getattr(self, field.name)
            if column.shape != (count,):
                raise _refused(field.name, f"{column.size} numbers", f"{count}, one for each view")
            if not np.isfinite(column).all():
                raise _refused(field.name, "a number that is not finite", "finite numbers")
        for name in ("detector_u", "detector_v", "source_u", "source_v"):
            _within(name, getattr(self, name), (-LARGEST_OFFSET, LARGEST_OFFSET), "millimetres")
        for name in ("gantry_deg", "out_of_plane_deg", "in_plane_deg"):
            _within(name, getattr(self, name), (-3600.0, 3600.0), "degrees")
        for name in ("source_to_isocentre", "source_to_detector"):
            _within(name, getattr(self, name), DISTANCES, "millimetres")
        if (self.source_to_isocentre >= self.source_to_detector).any():
            at = int(np.argmax(self.source_to_isocentre >= self.source_to_detector))
            raise _refused(
                "source_to_isocentre",
                f"{self.source_to_isocentre[at]:g} in view {at}",
                f"less than source_to_detector, {self.source_to_detector[at]:g}",
            )

    @classmethod
    def circle(
        cls,
        gantry_deg: ArrayLike,
        source_to_isocentre: float,
        source_to_detector: float,
        *,
        detector_u: float = 0.0,
    ) -> "Views":
        """Return the geometry of a circle without wobble; a shifted detector is a half-fan.

        >>> len(Views.circle(np.arange(0, 360, 0.5), 1000, 1500, detector_u=115))
        720
        """
        angles = np.asarray(gantry_deg, dtype=np.float64)
        same = np.ones_like(angles)
        zero = np.zeros_like(angles)
        shifted = detector_u * same
        distances = (source_to_isocentre * same, source_to_detector * same)
        return cls(angles, *distances, shifted, zero, zero, zero, zero, zero)

    def __len__(self) -> int:
        return len(self.gantry_deg)

    def take(self, index: ArrayLike) -> "Views":
        """Return some of the views, by their numbers."""
        chosen = np.asarray(index)
        return Views(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def columns(self) -> dict[str, Numbers]:
        """The numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def matrices(self) -> NDArray[np.float64]:
        """Return the matrices (views, 3, 4) from IEC millimetres to detector millimetres, both homogeneous.

        The product of RTK's documentation: turn the world so that the source is on z, shift it there, project
        from the source, shift on the detector. Turns follow each other as z, x, y.
        """
        turned = _turn(2, -self.in_plane_deg) @ _turn(0, -self.out_of_plane_deg) @ _turn(1, -self.gantry_deg)
        source = _shift(4, -self.source_u, -self.source_v)
        cone = np.zeros((len(self), 3, 4))
        cone[:, 0, 0] = cone[:, 1, 1] = -self.source_to_detector
        cone[:, 2, 2] = 1
        cone[:, 2, 3] = -self.source_to_isocentre
        detector = _shift(3, self.source_u - self.detector_u, self.source_v - self.detector_v)
        product: NDArray[np.float64] = detector @ cone @ source @ turned
        return product


def angular_gap(gantry_deg: ArrayLike) -> float:
    """Return the largest angle, in degrees, between neighbours on the circle; 360 for a single view.

    >>> angular_gap([350, 10, 100, 190, 280])
    90.0
    """
    angles = np.sort(np.mod(np.asarray(gantry_deg, dtype=np.float64), 360))
    return float(np.diff(angles, append=angles[0] + 360).max())


def _turn(axis: int, degrees: Numbers) -> NDArray[np.float64]:
    """Matrices (views, 4, 4) that turn about an axis of the world."""
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turns = np.tile(np.eye(4), (len(degrees), 1, 1))
    turns[:, first, first] = turns[:, second, second] = cos
    turns[:, first, second] = -sin
    turns[:, second, first] = sin
    return turns


def _shift(size: int, u: Numbers, v: Numbers) -> NDArray[np.float64]:
    shifts = np.tile(np.eye(size), (len(u), 1, 1))
    shifts[:, 0, -1], shifts[:, 1, -1] = u, v
    return shifts


def _within(name: str, column: Numbers, limits: tuple[float, float], unit: str) -> None:
    outside = (column < limits[0]) | (column > limits[1])
    if outside.any():
        at = int(np.argmax(outside))
        wanted = f"{limits[0]:g} to {limits[1]:g} {unit}" if limits[1] < inf else f"{limits[0]:g} or more"
        raise _refused(name, f"{column[at]:g} in view {at}", wanted)


def _refused(field: str, found: object, expected: str) -> GeometryError:
    return GeometryError(
        "VIEWS-GEOMETRY", field=field, found=found, expected=expected, fix="correct the geometry file"
    )
