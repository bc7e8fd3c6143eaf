"""Detections of motions that are known exactly."""

from dataclasses import dataclass

import numpy as np

from medscience.antinode import Ellipse
from medscience.measure.linking import Detections

RATE = 15037.0
FRAMES = 450
STRUCK_S = 40 / RATE

LEFT = Ellipse(120, 200, 80, 60, 20)
RIGHT = Ellipse(330, 150, 45, 30, 110)


@dataclass(frozen=True)
class Known:
    """A note: rings times a rise, a decay and a cosine, from the blow on."""

    ellipse: Ellipse
    frequency_hz: float
    rings: float
    rise_s: float = 0.0
    """Time constant of 1 - exp(-t / rise)."""
    decay_per_s: float = 12.0
    phase: float = -np.pi / 2

    def envelope(self, times):
        since = np.maximum(times - STRUCK_S, 0)
        rise = 1 - np.exp(-since / self.rise_s) if self.rise_s else 1.0
        return self.rings * (times > STRUCK_S) * rise * np.exp(-self.decay_per_s * since)

    def place(self, times):
        turn = 2 * np.pi * self.frequency_hz * (times - STRUCK_S)
        return self.envelope(times) * np.cos(turn + self.phase)


STRUCK = Known(LEFT, 220.0, 6.0)
OCTAVE = Known(RIGHT, 441.0, 3.0, rise_s=8e-3, decay_per_s=25.0)


def times_of(rate=RATE, frames=FRAMES):
    return np.arange(frames) / rate


def detections_of(*notes, times=None, limit=0.25, noise=0.0, seed=0):
    """Every note in every frame in which it has `limit` rings or more."""
    random = np.random.default_rng(seed)
    times = times_of() if times is None else times
    parts = []
    for note in notes:
        error = 0.05 + noise
        rings = np.abs(note.place(times) + noise * random.standard_normal(len(times)))
        at = np.flatnonzero(rings >= limit)
        e = note.ellipse
        jitter = noise * random.standard_normal((len(at), 2)) * 10
        places = np.array([e.x, e.y, e.a, e.b, e.angle]) + np.pad(jitter, ((0, 0), (0, 3)))
        columns = (
            at,
            *places.T,
            rings[at],
            rings[at] - 1.645 * error,
            rings[at] + 1.645 * error,
            random.random(len(at)),
        )
        parts.append(np.stack(columns, axis=1))
    return from_rows(np.concatenate(parts))


def from_rows(rows):
    return Detections(rows[:, 0].astype(np.int64), rows[:, 1:6], *rows[:, 6:10].T)


def rows_of(detections):
    """The inverse of `from_rows`."""
    others = (detections.rings, detections.low, detections.high, detections.score)
    return np.column_stack([detections.frame, detections.ellipse, *others])


def same(one, other):
    """Whether two strikes say the same of every note."""
    if len(one.notes) != len(other.notes) or one.blow_s != other.blow_s:
        return False
    pairs = zip(one.notes, other.notes, strict=True)
    return all(
        a.trace.ellipse == b.trace.ellipse and dict(a.motion.numbers) == dict(b.motion.numbers)
        for a, b in pairs
    )
