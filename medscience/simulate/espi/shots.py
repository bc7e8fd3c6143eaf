"""Single frames with their truth, drawn anew each time: what a network learns from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medscience.antinode import Antinode
from medscience.simulate.espi.camera import Frame, draw_camera
from medscience.simulate.espi.modes import SHAPE, between, draw_wave
from medscience.simulate.espi.optics import fringes, fringes_of_many_periods
from medscience.simulate.espi.pan import draw_domes
from medscience.simulate.fields import Field

VISIBLE = 0.25
"""Rings: what swings less is not half as bright as the first ring, and not an antinode to anyone."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame and the antinodes that can be seen in it."""

    frame: Frame
    """Shape (384, 512)."""
    antinodes: tuple[Antinode, ...]


def drawn_shots(seed: int, *, many_periods: bool = False) -> Iterator[Shot]:
    """Yield frames for ever, each of another pan, light and moment; the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses everything.
    many_periods : bool
        Whether the exposure lasts many periods (fringes are those of a Bessel function) instead of a
        part of one.
    """
    random = np.random.default_rng([seed, 0xE5B1])
    while True:
        yield _draw(random, many_periods=many_periods)


def _draw(random: np.random.Generator, *, many_periods: bool) -> Shot:
    camera = draw_camera(random)
    domes = draw_domes(random, int(random.integers(0, 7)), (30.0, 128.0))
    swings = [_swing(random, camera.most_rings(dome.ellipse)) for dome in domes]
    rings, swept = np.zeros((2, *SHAPE), dtype=np.float32)
    for dome, (place, change) in zip(domes, swings, strict=True):
        region, values = dome.values()
        rings[region] += np.float32(place) * values
        swept[region] += np.float32(change) * values
        if random.random() < 0.3:  # the note's next partial, with the same middle
            _, lobes = dome.values(int(random.integers(1, 3)))
            rings[region] += np.float32(0.12 * abs(place) * random.random()) * lobes
    if not many_periods:
        rings += _ripples(random) * between(domes)
    shown = fringes_of_many_periods(rings) if many_periods else fringes(rings, swept)
    frame = camera.take(np.asarray(shown, dtype=np.float32), random, drift=random.uniform(0, 0.25))
    seen = zip(domes, swings, strict=True)
    return Shot(
        frame, tuple(Antinode(dome.ellipse, abs(place)) for dome, (place, _) in seen if abs(place) >= VISIBLE)
    )


def _swing(random: np.random.Generator, most: float) -> tuple[float, float]:
    """Return a note's displacement in rings at some moment, and its change while the frame is exposed."""
    if random.random() < 0.12:
        return float(random.uniform(-VISIBLE, VISIBLE)), 0.0  # a note that hardly moves
    size = (
        random.uniform(VISIBLE, most)
        if random.random() < 0.7
        else VISIBLE * (most / VISIBLE) ** random.random()
    )
    amplitude = size + (most - size) * random.random() ** 2
    turned = 2 * np.pi * 143 * 10 ** random.random() * random.uniform(10e-6, 66.5e-6)
    sign = float(random.choice([-1.0, 1.0]))
    return sign * float(size), float(np.sqrt(amplitude**2 - size**2) * turned)


def _ripples(random: np.random.Generator) -> Field:
    """Return waves between the notes at one moment, in rings."""
    total = np.zeros(SHAPE, dtype=np.float32)
    strength = 0.03 * 30 ** (random.random() ** 1.5)  # mostly faint, up to 0.9
    for _ in range(int(random.integers(1, 4))):
        wave = draw_wave(random)
        total += np.float32(strength * random.uniform(0.2, 1.0)) * np.cos(wave.angle())
    return total
