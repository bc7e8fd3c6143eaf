"""How bodies, lesions and scans differ: two styles with other ranges, and a body drawn from one."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from medscience.simulate.abdomen.canvas import Grid, Waves
from medscience.simulate.fields import Field

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Style:
    """Ranges from which abdomens are drawn."""

    width: Range
    """Half of the body, from side to side, in mm."""
    roundness: Range
    """Its depth, as a part of its width."""
    fat: Range
    """Under the skin, in mm."""
    bend: Range
    """How far organs are out of place, in mm: two thirds of all lie within it."""
    bumps: Range
    """Of organs' surfaces, in mm."""
    wavelength: Range
    """From bump to bump, in mm."""
    right_lobe: Range
    """Size of the liver's right lobe, against the usual."""
    left_lobe: Range
    """Size of its left lobe."""
    lesion_radius: Range
    """In mm; the logarithm is drawn evenly."""
    lesion_contrast: Range
    """Difference from the liver around it, in Hounsfield units."""
    lesion_ragged: Range
    """Roughness of a lesion, as a part of its radius."""
    noise: Range
    """Standard deviation of a slice of 5 mm in the middle of the body, in Hounsfield units."""
    kernel: Range
    """Frequency of the most noise, in 1/mm: 0.15 is soft, 0.4 sharp."""


STYLES: dict[Literal["usual", "other"], Style] = {
    "usual": Style(
        width=(145, 190),
        roundness=(0.68, 0.82),
        fat=(8, 30),
        bend=(3, 8),
        bumps=(2, 6),
        wavelength=(45, 90),
        right_lobe=(0.88, 1.12),
        left_lobe=(0.8, 1.25),
        lesion_radius=(3, 45),
        lesion_contrast=(16, 75),
        lesion_ragged=(0.05, 0.4),
        noise=(6, 14),
        kernel=(0.12, 0.3),
    ),
    "other": Style(
        width=(130, 205),
        roundness=(0.64, 0.88),
        fat=(4, 42),
        bend=(6, 12),
        bumps=(4, 8),
        wavelength=(30, 60),
        right_lobe=(0.8, 1.2),
        left_lobe=(0.6, 1.5),
        lesion_radius=(3, 45),
        lesion_contrast=(20, 60),
        lesion_ragged=(0.2, 0.4),
        noise=(10, 18),
        kernel=(0.25, 0.4),
    ),
}
"""``other`` is for tests of what was trained on ``usual``: other shapes, other noise, rougher lesions."""


@dataclass(frozen=True, slots=True)
class Habitus:
    """A body's outline, and what its organs are placed by. Millimetres; z is 0 in the middle of the liver."""

    style: Style
    width: float
    depth: float
    """Half of the body from side to side, and from back to front."""
    squareness: float
    """2: an ellipse; more: flatter sides."""
    fat: float
    muscle: float
    """Thickness of the layers."""
    domes: tuple[float, float]
    """Height of the diaphragm at the right and at the left."""
    fall: float
    """How far the diaphragm falls to its rim."""

    @classmethod
    def draw(cls, random: np.random.Generator, style: Style) -> "Habitus":
        """Draw a body."""
        width = random.uniform(*style.width)
        right = random.uniform(75, 95)
        return cls(
            style,
            width,
            width * random.uniform(*style.roundness),
            random.uniform(2.1, 2.7),
            random.uniform(*style.fat),
            random.uniform(11, 20),
            (right, right - random.uniform(4, 20)),
            random.uniform(55, 80),
        )

    @property
    def inner_width(self) -> float:
        """Half of the cavity from side to side."""
        return self.width - self.fat - self.muscle

    @property
    def inner_depth(self) -> float:
        """Half of the cavity from back to front."""
        return self.depth - 0.8 * self.fat - self.muscle


@dataclass(frozen=True, slots=True)
class Hull:
    """A body's outline on a grid, as depths in mm."""

    skin: Field
    """Below the skin."""
    muscle: Field
    """Below the fat under it."""
    cavity: Field
    """Below the inner surface of the wall."""
    dome: Field
    """Below the diaphragm."""


def hull(random: np.random.Generator, body: Habitus, grid: Grid) -> Hull:
    """Return the outline of a body."""
    place = grid.place
    tall = 1 + random.uniform(-0.03, 0.03) * np.sin(place.z / 70 + random.uniform(0, 6))
    x, y = place.x / (body.width * tall), place.y / (body.depth * tall)
    flat = np.where(y < 0, 1 + 0.05 * body.squareness, 1.0)  # the back is flatter than the belly
    r = (np.abs(x) ** body.squareness + np.abs(y * flat) ** body.squareness) ** (1 / body.squareness)
    rho = np.sqrt(place.x**2 + place.y**2)
    skin = rho * (1 / np.maximum(r, 1e-3) - 1) + 3 * Waves(random, 120).on(grid)
    thin = 1 - 0.15 * (1 + np.tanh((np.abs(y) - 0.6) / 0.15)) + 0.18 * Waves(random, 90).on(grid)
    muscle = skin - body.fat * thin
    cavity = muscle - body.muscle * (1 + 0.15 * Waves(random, 60).on(grid))
    return Hull(skin, muscle, cavity, _dome(random, body, grid))


def _dome(random: np.random.Generator, body: Habitus, grid: Grid) -> Field:
    place = grid.place
    heights = [
        top
        - body.fall * ((place.x - side * 0.45 * body.inner_width) / (0.62 * body.inner_width)) ** 2
        - body.fall * ((place.y - 8) / (1.05 * body.inner_depth)) ** 2
        for top, side in zip(body.domes, (1, -1), strict=True)
    ]
    return np.asarray(0.7 * (np.maximum(*heights) + 3 * Waves(random, 50).on(grid) - place.z), np.float32)
