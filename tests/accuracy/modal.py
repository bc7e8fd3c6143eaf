"""Strikes whose motion is written down, not computed: another model than the simulator's and than the fit's.

Each note is a sum of decaying partials that lie a few hertz apart, as modal analyses of drums report them: it
beats and decays in two stages. Its pitch is higher while it is loud. The struck note has partials at two and
three times its frequency in its middle. A sympathetic note begins after the time that a wave needs to get
there, with partials that cancel but for a small rest.
"""

from dataclasses import dataclass

import numpy as np

from medscience.antinode import Ellipse
from medscience.simulate.espi.pan import draw_domes

RATE_HZ = 15037.0


@dataclass(frozen=True)
class Moving:
    """A note and its motion."""

    ellipse: Ellipse
    frequency_hz: float
    """Mean, weighted by the square of the amplitude."""
    place: np.ndarray
    """Signed displacement in rings, in each frame."""
    envelope: np.ndarray
    onset_s: float
    """When its envelope reaches 10 % of the maximum of this recording, from the first frame."""


@dataclass(frozen=True)
class Truth:
    """A recording of which everything is known; the struck note first."""

    notes: list[Moving]
    blow_s: float
    frames: int


def modal_strike(seed, frames=750):
    random = np.random.default_rng([seed, 0x40DA1])
    blow = random.uniform(0.02, 0.08) * frames / RATE_HZ
    domes = draw_domes(random, int(random.integers(2, 5)), (70.0, 115.0))
    pitch = 150 * 2 ** random.uniform(0, 1.5)
    notes = [_struck(random, domes[0].ellipse, pitch, frames, blow)]
    for dome in domes[1:]:
        ratio = random.choice([1.0, 2.0, 2.0, 3.0, 4.0]) * (1 + random.normal(0, 0.003))
        notes.append(_answering(random, dome.ellipse, pitch * ratio, frames, blow))
    return Truth(notes, float(blow), frames)


def _struck(random, ellipse, frequency, frames, blow):
    lag = random.uniform(0.2e-3, 0.7e-3)

    def attack(t):
        return 1 - np.exp(-((t / lag) ** 2))

    apart = random.uniform(2, 9)
    parts = [
        (1.0, random.uniform(15, 40), 0.0, 0.0),
        (random.uniform(0.15, 0.4), random.uniform(3, 9), apart, random.uniform(0, 2 * np.pi)),
    ]
    glide, rings = random.uniform(0, 0.008), random.uniform(3.5, 10)
    above = random.uniform(0.02, 0.08, 2), random.uniform(0, 2 * np.pi, 2)
    return _note((ellipse, frequency, rings, glide), parts, attack, frames, blow, above)


def _answering(random, ellipse, frequency, frames, blow):
    travel = random.uniform(0, 0.8e-3)
    soft = random.uniform(0.3e-3, 1.2e-3)

    def attack(t):
        return np.where(t > travel, 1 - np.exp(-np.maximum(t - travel, 0) / soft), 0)

    apart = random.uniform(5, 20)
    rest = random.uniform(0, 0.04)
    decays = random.uniform(4, 30, 3)
    parts = [
        (1.0, decays[0], 0.0, 0.0),
        (0.6 + rest, decays[1], apart, np.pi),
        (0.4, decays[2], -random.uniform(2, 8), np.pi + random.normal(0, 0.03)),
    ]
    glide, rings = random.uniform(0, 0.004), 0.7 * (6 / 0.7) ** random.random()
    return _note((ellipse, frequency, rings, glide), parts, attack, frames, blow)


def _note(kind, parts, attack, frames, blow, above=None):
    """Sum the partials on a fine grid, where the pitch follows the loudness, and read it at the frames."""
    ellipse, frequency, rings, glide = kind
    fine = 8
    times = np.arange(frames * fine) / (fine * RATE_HZ)
    since = np.maximum(times - blow, 0)
    slow = sum(
        size * np.exp(-decay * since + 1j * (2 * np.pi * off * since + phase))
        for size, decay, off, phase in parts
    )
    slow = slow * attack(since) * (times > blow)
    most = np.abs(slow).max()
    envelope = np.abs(slow) / most * rings
    pitch = frequency * (1 + glide * (envelope / rings) ** 2)
    turn = 2 * np.pi * np.cumsum(pitch) / (fine * RATE_HZ)
    place = (slow / most * rings * np.exp(1j * (turn - turn[np.argmax(times > blow)] - np.pi / 2))).real
    if above is not None:
        for multiple, size, phase in zip((2, 3), *above, strict=True):
            place = place + size * envelope * np.sin(multiple * turn + phase)
    first = int(np.argmax(envelope >= 0.1 * envelope.max()))
    phase = turn + np.unwrap(np.angle(slow + 1e-12))
    frequency = float(
        (np.diff(phase) @ envelope[1:] ** 2) / (envelope[1:] ** 2).sum() * fine * RATE_HZ / (2 * np.pi)
    )
    return Moving(ellipse, frequency, place[::fine], envelope[::fine], float(times[first]))
