"""SPNet's own recipe for synthetic frames, so that numbers compare with its published data sets.

Hawley and Morrison 2021, J. Acoust. Soc. Am. 150(4), and the generator of their repository: rings are drawn,
not computed. Lines are drawn here by distance instead of by OpenCV: outlines may differ by a pixel.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Antinode, Ellipse
from medscience.simulate.espi.modes import COLUMNS, ROWS, SHAPE, places
from medscience.simulate.espi.shots import Shot
from medscience.simulate.fields import Field

GREY, RING_GREY = 128, 138
TRIES = 2000
LEAST_RING = 4
"""Pixels along the shorter half axis for each ring."""
MOST_RINGS = 11


def published_shots(seed: int) -> Iterator[Shot]:
    """Yield frames of the published recipe for ever; the same for the same seed.

    Grey with black wavy bands, 1 to 7 ellipses apart from each other and inside the frame with whole
    numbers of rings, Gaussian noise of mean and deviation 40, and half of the pixels set to 0.
    """
    random = np.random.default_rng([seed, 0x59E7])
    while True:
        canvas = np.full(SHAPE, GREY, dtype=np.float32)
        canvas[_bands(random)] = 0
        antinodes: list[Antinode] = []
        for _ in range(int(random.integers(1, 8))):
            ellipse = _place(random, [antinode.ellipse for antinode in antinodes])
            if ellipse is not None:
                most = max(min(int(ellipse.b) // (2 * LEAST_RING), MOST_RINGS), 1)
                antinodes.append(Antinode(ellipse, float(random.integers(1, most + 1))))
                _draw_rings(canvas, antinodes[-1], int(random.integers(2)))
        noise = 40 + 40 * random.standard_normal(SHAPE, dtype=np.float32)
        frame = np.clip(np.rint(canvas + np.maximum(noise, 0)), 0, 255).astype(np.uint8)
        frame[random.random(SHAPE, dtype=np.float32) < 0.5] = 0
        yield Shot(frame, tuple(antinodes))


def _bands(random: np.random.Generator) -> NDArray[np.bool_]:
    """Return where the thick, wavy bands lie."""
    height, width = float(random.integers(10, 201)), float(random.integers(100, SHAPE[1] // 2 + 1))
    thick = int(random.integers(15, 41))
    slope = 3 * (random.random() - 0.5)
    apart = int(random.integers(thick + thick * int(abs(1.5 * slope)), SHAPE[0] // 3 + 1))
    line = slope * COLUMNS + height * np.cos(COLUMNS / width) - SHAPE[1] * abs(slope)
    steep = np.sqrt(1 + (slope - height / width * np.sin(COLUMNS / width)) ** 2)
    off = (ROWS - line + apart / 2) % apart - apart / 2
    return np.asarray(np.abs(off) <= thick / 2 * steep)


def _place(random: np.random.Generator, others: list[Ellipse]) -> Ellipse | None:
    """Return an ellipse whose upright box is inside the frame and clear of others, if one is found."""
    height, width = SHAPE
    low, part = 15, 3.5
    for _ in range(TRIES):
        one, other = _whole(random, low, width / part), _whole(random, low, height / part)
        a, b = max(one, other), min(one, other)
        x, y = _whole(random, a, width - a), _whole(random, b, height - b)
        ellipse = Ellipse.of(x, y, a, b, float(random.integers(1, 180)))
        if _fits(ellipse) and all(_apart(ellipse, before) for before in others):
            return ellipse
        low, part = 25, 3.0  # as published: further tries are larger
    return None


def _whole(random: np.random.Generator, low: int, high: float) -> int:
    """Return a whole number, both ends possible."""
    return int(random.integers(low, int(high) + 1))


def _fits(ellipse: Ellipse) -> bool:
    up, left = ellipse.reach
    return left <= ellipse.x <= SHAPE[1] - left and up <= ellipse.y <= SHAPE[0] - up


def _apart(one: Ellipse, other: Ellipse) -> bool:
    (up, left), (down, right) = one.reach, other.reach
    return abs(one.x - other.x) > left + right or abs(one.y - other.y) > up + down


def _draw_rings(canvas: Field, antinode: Antinode, first: int) -> None:
    """Draw 2 n lines of equal distance, black and grey in turn."""
    ellipse, lines = antinode.ellipse, 2 * int(antinode.rings)
    thick = max(round(ellipse.b / lines), 1)
    region, u, v = places(ellipse)
    radius = np.sqrt(u * u + v * v) + 1e-6
    slope = np.sqrt((u / ellipse.a) ** 2 + (v / ellipse.b) ** 2) / radius
    for line in range(lines):
        on = np.abs(radius - (line + 1) / (lines + 1)) <= thick / 2 * slope
        canvas[region][on] = RING_GREY if (line + first) % 2 else 0
