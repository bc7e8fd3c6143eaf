"""Antinodes as ellipses with a count of rings: what people draw, networks detect and the simulator knows."""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError

COLUMNS = 192
"""Columns in which the overlap of two ellipses is summed up: areas are right to 1e-4 of the smaller one."""

TURNS = (np.arange(COLUMNS) + 0.5) * (math.pi / COLUMNS)
"""They lie closer at both ends, where chords change fast, as the points of Chebyshev's quadrature."""

Values = NDArray[np.floating[Any]]
Place = TypeVar("Place", float, Values)
"""A place's row or column, or those of many."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse in a frame, in pixels; the centre of the first pixel is (0, 0), y runs down.

    Examples
    --------
    >>> Ellipse.of(100, 80, 20, 45, 10)
    Ellipse(x=100.0, y=80.0, a=45.0, b=20.0, angle=100.0)
    """

    x: float
    """Column of the centre."""
    y: float
    """Row of the centre."""
    a: float
    """The longer half axis."""
    b: float
    """The shorter half axis."""
    angle: float
    """Degrees, 0 to 180, from the row to the longer axis, anticlockwise as seen on the screen."""

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.a, self.b, self.angle)
        if not all(map(math.isfinite, numbers)):
            raise _refused("ellipse", numbers, "finite numbers")
        if not 0 < self.b <= self.a:
            raise _refused("half axes", (self.a, self.b), "a >= b > 0")
        if not 0 <= self.angle < 180:
            raise _refused("angle", self.angle, "0 or more and less than 180 degrees")

    @classmethod
    def of(cls, x: float, y: float, one: float, other: float, angle: float) -> "Ellipse":
        """Return the ellipse whose half axis `one` lies at `angle`, whichever of the two is longer."""
        if one < other:
            one, other, angle = other, one, angle + 90
        turned = angle % 180.0 if math.isfinite(angle) else angle
        return cls(float(x), float(y), float(one), float(other), 0.0 if turned == 180 else turned)

    @property
    def area(self) -> float:
        """In square pixels."""
        return math.pi * self.a * self.b

    @property
    def reach(self) -> tuple[float, float]:
        """Half the height and half the width of the upright box around it."""
        cos, sin = self._direction
        return math.hypot(self.a * sin, self.b * cos), math.hypot(self.a * cos, self.b * sin)

    @property
    def _direction(self) -> tuple[float, float]:
        return math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))

    def along(self, y: Place, x: Place) -> tuple[Place, Place]:
        """Return places along the longer and the shorter axis, where the ellipse is the unit circle."""
        cos, sin = self._direction
        right, up = x - self.x, self.y - y
        return (right * cos + up * sin) / self.a, (up * cos - right * sin) / self.b

    def chords(self, columns: Values) -> tuple[Values, Values]:
        """Return where it begins and ends along y in each column; nowhere: the end is not after the start."""
        cos, sin = self._direction
        across = (cos / self.a) ** 2 + (sin / self.b) ** 2
        down = (sin / self.a) ** 2 + (cos / self.b) ** 2
        mixed = cos * sin * (1 / self.b**2 - 1 / self.a**2)
        right = columns - self.x
        inside = np.maximum(down - (across * down - mixed**2) * right**2, 0)
        middle, half = self.y - mixed * right / down, np.sqrt(inside) / down
        return middle - half, middle + half

    def inside(self, shape: tuple[int, int]) -> float:
        """Return the part of its area, 0 to 1, that lies in a frame of (height, width) pixels."""
        return min(overlap(self, None, shape) / self.area, 1.0)


@dataclass(frozen=True, slots=True)
class Antinode:
    """A part of a drum that swings: its outline, which is at rest, and the rings from there to its middle."""

    ellipse: Ellipse
    rings: float
    """Displacement of its middle: one ring is lambda / (cos of illumination + cos of observation)."""
    score: float = 1.0
    """How sure a detector is of it, 0 to 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.rings < math.inf:
            raise _refused("rings", self.rings, "0 or more")


def overlap(one: Ellipse, other: Ellipse | None, frame: tuple[int, int] | None = None) -> float:
    """Return the area in square pixels that two ellipses share, or one and a frame.

    The lengths that their chords share are summed over columns: for convex outlines that is the area which
    clipping polygons gives, without the corners.

    Parameters
    ----------
    one, other : Ellipse
        `other` may be left out.
    frame : tuple of int, optional
        Height and width; only what lies inside counts.
    """
    shapes = [one] if other is None else [one, other]
    if other is not None and math.hypot(one.x - other.x, one.y - other.y) >= one.a + other.a:
        return 0.0
    left = max(shape.x - shape.reach[1] for shape in shapes)
    right = min(shape.x + shape.reach[1] for shape in shapes)
    top, bottom = -math.inf, math.inf
    if frame is not None:
        left, right = max(left, -0.5), min(right, frame[1] - 0.5)
        top, bottom = -0.5, frame[0] - 0.5
    if left >= right:
        return 0.0
    half = (right - left) / 2
    columns = (left + right) / 2 - half * np.cos(TURNS)
    ends = [shape.chords(columns) for shape in shapes]
    start, stop = np.full(COLUMNS, top), np.full(COLUMNS, bottom)
    for begin, end in ends:
        start, stop = np.maximum(start, begin), np.minimum(stop, end)
    lengths = stop - start
    return float(np.maximum(lengths, 0) @ np.sin(TURNS)) * half * math.pi / COLUMNS


def _refused(field: str, found: object, expected: str) -> InputError:
    return InputError(
        "ELLIPSE", field=field, found=found, expected=expected, fix="correct it, or leave it out"
    )
