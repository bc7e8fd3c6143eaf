"""Where notes lie in a frame, and what they are tuned to."""

from dataclasses import dataclass

import numpy as np

from medscience.antinode import Ellipse, overlap
from medscience.simulate.espi.modes import SHAPE, Dome

LEAST_INSIDE = 0.35
"""Part of a note that must lie in the frame; others are cut by its edge."""

TRIES = 60


@dataclass(frozen=True, slots=True)
class Note:
    """A note of the pan and how it swings."""

    name: str
    dome: Dome
    frequency_hz: float


def draw_domes(random: np.random.Generator, count: int, large: tuple[float, float]) -> list[Dome]:
    """Return up to `count` notes that do not overlap: some are cut by the frame, some touch each other.

    Parameters
    ----------
    large : tuple of float
        Least and greatest longer half axis of the first, in pixels; the others have 26 to 80.
    """
    placed: list[Ellipse] = []
    for number in range(count):
        for _ in range(TRIES):
            longer = random.uniform(*large) if number == 0 else 26 * (80 / 26) ** random.random()
            shorter = longer * random.uniform(0.55, 0.98)
            y, x = random.uniform(-0.08, 1.08, 2) * SHAPE
            ellipse = Ellipse.of(x, y, longer, shorter, random.uniform(0, 180))
            if placed and random.random() < 0.4:
                ellipse = _touching(ellipse, placed[int(random.integers(len(placed)))])
            is_free = all(overlap(ellipse, other) < 0.01 * ellipse.area for other in placed)
            if is_free and ellipse.inside(SHAPE) >= LEAST_INSIDE:
                placed.append(ellipse)
                break
    return [
        Dome(ellipse, float(random.uniform(1.1, 2.1)), (random.normal(0, 0.1), random.normal(0, 0.1)))
        for ellipse in placed
    ]


def _touching(ellipse: Ellipse, other: Ellipse) -> Ellipse:
    """Move an ellipse along the line of centres until it just touches another."""
    away = np.array([ellipse.x - other.x, ellipse.y - other.y])
    if not away.any():
        return ellipse
    away /= np.hypot(*away)

    def at(distance: float) -> Ellipse:
        x, y = np.array([other.x, other.y]) + distance * away
        return Ellipse.of(x, y, ellipse.a, ellipse.b, ellipse.angle)

    near, far = 0.0, ellipse.a + other.a
    for _ in range(12):
        middle = (near + far) / 2
        near, far = (middle, far) if overlap(at(middle), other) > 0 else (near, middle)
    return at(far)
