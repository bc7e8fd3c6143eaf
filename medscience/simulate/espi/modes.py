"""Shapes in which the notes of a pan swing: domes over ellipses, their partials, waves between them."""

from dataclasses import dataclass

import numpy as np

from medscience.antinode import Ellipse
from medscience.simulate.fields import Field

SHAPE = (384, 512)
"""Height and width of a frame."""

ROWS = np.arange(SHAPE[0], dtype=np.float32)[:, None]
COLUMNS = np.arange(SHAPE[1], dtype=np.float32)[None, :]

Region = tuple[slice, slice]


def places(ellipse: Ellipse) -> tuple[Region, Field, Field]:
    """Return the part of the frame around an ellipse, and places along its axes there (`Ellipse.along`)."""
    height, width = ellipse.reach
    y = slice(max(int(ellipse.y - height), 0), max(int(ellipse.y + height) + 2, 0))
    x = slice(max(int(ellipse.x - width), 0), max(int(ellipse.x + width) + 2, 0))
    return (y, x), *ellipse.along(ROWS[y], COLUMNS[:, x])


@dataclass(frozen=True, slots=True)
class Dome:
    """How a note swings: 1 in its middle, 0 on its outline and outside.

    (1 - r²)² is the exact shape of a clamped elliptic plate under an even load (Timoshenko and
    Woinowsky-Krieger 1959, section 71); all its contours are ellipses. Other powers are softer or stiffer
    rims, and the tilt moves the summit a little, as hammered notes have it.
    """

    ellipse: Ellipse
    power: float = 2.0
    tilt: tuple[float, float] = (0.0, 0.0)
    """Slope at the middle along the longer and the shorter axis, for each half axis."""

    def values(self, part: int = 0) -> tuple[Region, Field]:
        """Return the region of the frame that it fills, and the shape there.

        Parameters
        ----------
        part : int
            0: the fundamental; 1 and 2: partials of two lobes of height 1 and -1 along the longer and the
            shorter axis, at rest in the middle.
        """
        region, u, v = places(self.ellipse)
        dome = np.maximum(1 - u * u - v * v, 0)
        dome = dome * dome if self.power == 2.0 else dome**self.power
        if not part:
            return region, dome * (1 + self.tilt[0] * u + self.tilt[1] * v)
        summit = 1 / np.sqrt(1 + 2 * self.power)
        along = (u, v)[part - 1]
        return region, np.asarray(along * dome / (summit * (1 - summit**2) ** self.power))


@dataclass(frozen=True, slots=True)
class Wave:
    """A bending wave that runs over the bowl from where it was struck or reflected."""

    y: float
    x: float
    """Where it comes from, in pixels; may lie outside of the frame."""
    length: float
    """Wavelength in pixels."""
    frequency_hz: float
    phase: float

    def angle(self) -> Field:
        """Return the phase, in radians, at time 0 at every pixel."""
        distance = np.sqrt((ROWS - np.float32(self.y)) ** 2 + (COLUMNS - np.float32(self.x)) ** 2)
        return np.asarray(distance * np.float32(2 * np.pi / self.length) + np.float32(self.phase))


def draw_wave(random: np.random.Generator) -> Wave:
    """Return a wave from somewhere around the frame; short bending waves are faster oscillations."""
    length = float(np.exp(random.uniform(np.log(70), np.log(420))))
    y, x = random.uniform(-0.6, 1.6, 2) * SHAPE
    return Wave(float(y), float(x), length, 2.2e7 / length**2 + 60, float(random.uniform(0, 2 * np.pi)))


def between(domes: list[Dome]) -> Field:
    """Return 1 on the bowl and less towards the middle of each note, which is stiffer: waves stop there.

    They are 0 in the middle, so that the rings there are the note's alone.
    """
    open_bowl = np.ones(SHAPE, dtype=np.float32)
    for dome in domes:
        region, values = dome.values()
        open_bowl[region] *= np.clip(1 - values, 0, 1)
    return open_bowl
