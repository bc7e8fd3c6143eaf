"""What a camera makes of fringes: speckle, uneven light, black level, noise, eight bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Ellipse
from medscience.simulate.espi.modes import COLUMNS, ROWS, SHAPE
from medscience.simulate.espi.speckle import GRAINS, Light, light, noise
from medscience.simulate.fields import Field

Frame = NDArray[np.uint8]

MOST_RINGS = 11.0
NARROWEST_RING = 5.0
"""Pixels along the shorter half axis for each ring, on average."""


@dataclass(frozen=True, slots=True)
class Camera:
    """How one strike is lit and recorded: the same for all its frames."""

    grain: float
    """Size of a grain of speckle, in pixels."""
    light: Light
    """Speckle of the pan, (Y, X) and complex."""
    other: Light
    """Speckle that comes in as the pan drifts and no longer looks as in the reference."""
    lit: Field
    """Illumination of the pan, around 1."""
    gain: float
    """Grey levels of light of mean brightness 1."""
    black: float
    """Grey levels that the subtraction of the reference takes away with its background."""
    contrast: float
    """Visibility of fringes at rest, 0 to 1: what speckle and stray light leave of it."""
    noise: float
    """Of reading, in grey levels."""
    soft: int
    """How often neighbouring pixels are mixed: focus and the processing of the recording."""

    def most_rings(self, ellipse: Ellipse) -> float:
        """Return how many rings of a note can be counted: each is two grains of speckle wide or more."""
        return min(MOST_RINGS, ellipse.b / max(NARROWEST_RING, 2.2 * self.grain))

    def take(self, brightness: Field, random: np.random.Generator, drift: float = 0.0) -> Frame:
        """Return a frame, shape (Y, X).

        Parameters
        ----------
        brightness : ndarray
            Of the fringes, 0 to 2.
        drift : float
            How far the speckle has changed since the reference, 0 to 1.
        """
        grain = self.light if drift <= 0 else np.sqrt(1 - drift) * self.light + np.sqrt(drift) * self.other
        signal = grain.real**2 + grain.imag**2
        visible = self.contrast * (1 - drift)
        signal *= brightness * np.float32(visible) + np.float32(1 - visible)
        signal *= self.lit
        for _ in range(self.soft):
            signal = _mixed(signal)
        flicker = np.float32(self.gain * random.normal(1, 0.02))
        seen = signal * flicker + noise(random) * np.float32(self.noise) - np.float32(self.black)
        return np.asarray(np.clip(np.rint(seen), 0, 255), dtype=np.uint8)


def draw_camera(random: np.random.Generator) -> Camera:
    """Return a camera and its light, as recordings of one laboratory and another differ."""
    grain = GRAINS[int(random.integers(len(GRAINS)))]
    gain = random.uniform(45, 120)
    return Camera(
        grain=grain,
        light=light(random, grain),
        other=light(random, grain),
        lit=_illumination(random),
        gain=gain,
        black=gain * random.uniform(0.15, 0.6),
        contrast=random.uniform(0.8, 0.97),
        noise=random.uniform(2, 8),
        soft=int(random.integers(0, 3)),
    )


def _illumination(random: np.random.Generator) -> Field:
    """Return a laser's spot, wider than the frame and off its middle, with a ripple."""
    y, x = random.uniform(0.2, 0.8, 2) * SHAPE
    wide = random.uniform(230, 600)
    turn, length = random.uniform(0, np.pi), random.uniform(150, 500)
    down = np.exp(2j * np.pi * (np.sin(turn) * ROWS + random.uniform(0, length)) / length)
    across = np.exp(2j * np.pi * np.cos(turn) * COLUMNS / length)
    ripple = 1 + np.float32(random.uniform(0, 0.25)) * (down.imag * across.real + down.real * across.imag)
    spot = np.exp(-((ROWS - y) ** 2) / (2 * wide**2)) * np.exp(-((COLUMNS - x) ** 2) / (2 * wide**2))
    lit = spot.astype(np.float32) * ripple.astype(np.float32)
    return np.asarray(lit / lit.mean(), dtype=np.float32)


def _mixed(values: Field) -> Field:
    """Mix each pixel with its neighbours, 1 2 1 along both axes."""
    for axis in (0, 1):
        ahead, behind = [slice(None)] * 2, [slice(None)] * 2
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        pairs = values[tuple(ahead)] + values[tuple(behind)]
        values = values.copy()
        inner = [slice(None)] * 2
        inner[axis] = slice(1, -1)
        values[tuple(inner)] = (pairs[tuple(ahead)] + pairs[tuple(behind)]) / 4
    return values
