"""What a detector would make of a known motion: its noise, misses, doubles and inventions, without
pictures."""

import numpy as np

from medscience.measure.linking import Detections

SHAPE = (384, 512)


def detected(notes, random, blank=(), missed=0.04, invented=0.05):
    """Return the rows that a detector might give for notes with an `ellipse` and a `place` in each frame.

    Counts are wrong by a factor that a note keeps, by noise that two frames share in part and, rarely, by a
    ring; they are seen from about 0.25 rings on.
    """
    parts = [_of_note(note, random, missed) for note in notes]
    frames = len(notes[0].place)
    parts.append(_invented(random, frames, invented))
    rows = np.concatenate(parts)
    rows = rows[~np.isin(rows[:, 0], list(blank))]
    rows = rows[random.permutation(len(rows))]
    return Detections(rows[:, 0].astype(np.int64), rows[:, 1:6], *rows[:, 6:10].T)


def _of_note(note, random, missed):
    frames, e = len(note.place), note.ellipse
    noise = random.standard_normal(frames)
    noise[1:] = np.sqrt(1 - 0.3**2) * noise[1:] + 0.3 * noise[:-1]
    rings = np.abs(note.place) * random.normal(1, 0.02)
    error = 0.08 + 0.03 * rings
    counted = np.abs(
        rings + error * noise + random.choice([-1, 0, 1], frames, p=[0.01, 0.98, 0.01]) * (rings > 2)
    )
    seen = (random.random(frames) < 1 / (1 + np.exp((0.25 - rings) / 0.03))) & (
        random.random(frames) > missed
    )
    at = np.flatnonzero(seen)
    at = np.concatenate([at, at[random.random(len(at)) < 0.01]])
    count = len(at)
    radius = np.sqrt(e.a * e.b)
    x, y = (c + 0.03 * radius * random.standard_normal(count) for c in (e.x, e.y))
    a, b = (s * np.exp(0.05 * random.standard_normal(count)) for s in (e.a, e.b))
    a, b = np.maximum(a, b), np.minimum(a, b)
    angle = (e.angle + random.normal(0, 4, count)) % 180
    half = 1.645 * error[at] * random.uniform(0.85, 1.2)
    mean = counted[at]
    score = random.uniform(0.5, 1, count)
    return np.stack([at, x, y, a, b, angle, mean, np.maximum(mean - half, 0), mean + half, score], axis=1)


def _invented(random, frames, rate):
    count = random.poisson(rate * frames)
    y, x = random.uniform(0, 1, (2, count)) * np.array(SHAPE)[:, None]
    a = random.uniform(15, 90, count)
    rings = random.uniform(0.3, 2, count)
    return np.stack(
        [
            random.integers(0, frames, count),
            x,
            y,
            a,
            a * random.uniform(0.5, 1, count),
            random.uniform(0, 180, count),
            rings,
            rings * 0.7,
            rings * 1.3,
            random.uniform(0.3, 0.7, count),
        ],
        axis=1,
    )
