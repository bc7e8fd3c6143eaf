"""A counter of rings without a network: elliptical Hough transform, then a radial profile.

What a person would write with the tools of image processing, tuned by hand on frames of other seeds: it
stands beside the networks on the same test set and shows how hard that set is.
"""

import numpy as np
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter, sobel
from skimage.feature import peak_local_max

from medscience.antinode import Antinode, Ellipse, overlap

SHRINK = 4
"""Pixels of a frame along each side of a cell of the Hough transform."""

SHAPES = [
    (a, part, angle)
    for a in np.geomspace(18, 120, 9)
    for part in (0.97, 0.75, 0.55, 0.38)
    for angle in ((0,) if part > 0.9 else range(0, 180, 30))
    if a * part >= 12
]
"""Longer half axis in pixels, ratio of the axes, and angle in degrees of the ellipses that are voted for."""

COUNTS = np.arange(0.25, 11.3, 0.1)
POWERS = (1.3, 1.8)
INSIDE, BINS = 48, 60
"""Radii at which brightness is averaged: within the outline, and with what is around it."""

RADII = (np.arange(INSIDE) + 0.5) / INSIDE

CANDIDATES, CLIMBS = 24, 7
SURE = 14.0
"""Evidence from which an antinode counts as found; chosen on frames of other seeds."""

MOST = 7
"""Antinodes in a frame."""


def _outlines(shape):
    """Return the Fourier transforms of all outlines, each thick as a cell and of sum 1, centred at 0."""
    rows, columns = (
        np.minimum(np.arange(n), n - np.arange(n)) * np.where(np.arange(n) < n / 2, 1, -1) for n in shape
    )
    kernels = []
    for a, part, angle in SHAPES:
        ellipse = Ellipse.of(0, 0, a / SHRINK, a * part / SHRINK, angle)
        u, v = ellipse.along(rows[:, None].astype(float), columns[None, :].astype(float))
        radius = np.hypot(u, v)
        line = np.exp(-0.5 * ((radius - 1) * ellipse.b / 0.8) ** 2)
        inside = (radius < 0.9) / max((radius < 0.9).sum(), 1)
        around = ((radius > 1.1) & (radius < 1.4)) / max(((radius > 1.1) & (radius < 1.4)).sum(), 1)
        kernels.append((np.conj(rfft2(line / line.sum())), np.conj(rfft2(inside - around))))
    return kernels


_KERNELS: dict = {}


def found(frame):
    """Return the antinodes of a frame (Y, X)."""
    frame = np.sqrt(frame.astype(np.float32))
    climbed = [_climbed(frame, candidate) for candidate in _candidates(frame)]
    antinodes = []
    for evidence, ellipse, rings in sorted(climbed, key=lambda one: -one[0]):
        if evidence > SURE and not any(_same(ellipse, one.ellipse) for one in antinodes):
            antinodes.append(Antinode(ellipse, rings, 1 - SURE / (evidence + SURE)))
    return antinodes[:MOST]


def _candidates(frame):
    """Yield the ellipses that most edges and most texture vote for."""
    small = gaussian_filter(frame, 2.0)[SHRINK // 2 :: SHRINK, SHRINK // 2 :: SHRINK]
    padded = np.pad(small, 32, mode="reflect")
    edges = np.hypot(sobel(padded, 0), sobel(padded, 1))
    texture = np.abs(padded - gaussian_filter(padded, 6))
    edges, texture = (each / each.mean() for each in (edges, texture))
    if padded.shape not in _KERNELS:
        _KERNELS[padded.shape] = _outlines(padded.shape)
    spectra = rfft2(edges), rfft2(texture)
    best, which = np.full(padded.shape, -np.inf), np.zeros(padded.shape, int)
    for number, (line, disc) in enumerate(_KERNELS[padded.shape]):
        votes = irfft2(spectra[0] * line, padded.shape) + irfft2(spectra[1] * disc, padded.shape)
        votes = (votes - votes.mean()) / votes.std()
        which, best = np.where(votes > best, number, which), np.maximum(best, votes)
    for row, column in peak_local_max(best, min_distance=3, num_peaks=CANDIDATES):
        a, part, angle = SHAPES[which[row, column]]
        y, x = ((place - 32) * SHRINK + SHRINK // 2 for place in (row, column))
        ellipse = Ellipse.of(float(x), float(y), a, a * part, angle)
        if ellipse.inside(frame.shape) > 0.3:
            yield ellipse


def _climbed(frame, ellipse):
    """Return the evidence for an ellipse, moved and shaped for as much as there is, and its rings."""
    here = np.array(log_numbers(ellipse))
    best = (*evidence(frame, ellipse), ellipse)
    step = np.array([4.0, 4.0, 0.1, 0.15, 0.15])
    for _ in range(CLIMBS):
        moved = False
        for axis in range(5):
            for sign in (-1, 1):
                there = here.copy()
                there[axis] += sign * step[axis]
                shape = from_log_numbers(there)
                if not shape.b > 10 or shape.a > 160 or shape.inside(frame.shape) < 0.3:
                    continue
                score, rings = evidence(frame, shape)
                if score > best[0]:
                    best, here, moved = (score, rings, shape), there, True
                    break
        if not moved:
            step /= 2
    return best[0], best[2], best[1]


def log_numbers(ellipse):
    long, turn = np.log(ellipse.a / ellipse.b), np.radians(2 * ellipse.angle)
    return ellipse.x, ellipse.y, np.log(ellipse.a * ellipse.b) / 2, long * np.cos(turn), long * np.sin(turn)


def from_log_numbers(numbers):
    x, y, size, cos, sin = numbers.tolist()
    half = np.hypot(cos, sin) / 2
    return Ellipse.of(x, y, np.exp(size + half), np.exp(size - half), np.degrees(np.arctan2(sin, cos)) / 2)


def _same(one, other):
    return overlap(one, other) > 0.3 * min(one.area, other.area)


def evidence(frame, ellipse):
    """Return how far the best profile of rings stands out of chance, and its count of rings.

    The covariance of brightness with the profile, in units of what chance gives to so many pixels.
    """
    profile, pixels, spread = _profile(frame, ellipse)
    inside = pixels[:INSIDE]
    if (inside > 0).sum() < 24:
        return 0.0, 0.0
    away = profile[:INSIDE] - (profile[:INSIDE] * inside).sum() / inside.sum()
    templates = TEMPLATES - (TEMPLATES * inside).sum(1, keepdims=True) / inside.sum()
    sizes = np.sqrt((templates**2 * inside).sum(1)) + 1e-9
    scores = ((templates * inside) @ away) / sizes / (spread + 1e-9)
    top = int(scores.argmax())
    return float(scores[top]), float(KNOWN[top])


def _profile(frame, ellipse):
    """Return mean brightness at each radius, of how many pixels, and the spread of brightness."""
    up, left = (1.3 * each for each in ellipse.reach)
    y = np.arange(max(int(ellipse.y - up), 0), min(int(ellipse.y + up) + 2, frame.shape[0]), 2)
    x = np.arange(max(int(ellipse.x - left), 0), min(int(ellipse.x + left) + 2, frame.shape[1]), 2)
    if len(y) < 2 or len(x) < 2:
        return np.zeros(BINS), np.zeros(BINS), 1.0
    u, v = ellipse.along(y[:, None].astype(float), x[None, :].astype(float))
    place = (np.hypot(u, v) * INSIDE).astype(int)
    inside = place < BINS
    part = frame[y[0] : y[-1] + 1 : 2, x[0] : x[-1] + 1 : 2]
    pixels = np.bincount(place[inside], minlength=BINS)
    sums = np.bincount(place[inside], part[inside], minlength=BINS)
    return sums / np.maximum(pixels, 1), pixels, float(part[inside].std())


def _templates():
    """Return profiles of interference on domes, and of lines of equal distance, with their counts."""
    rows, counts = [], []
    for count in COUNTS:
        for power in POWERS:
            rows.append(1 - np.cos(2 * np.pi * count * (1 - RADII**2) ** power))
            counts.append(count)
    for count in range(1, 12):
        for first in (0, 1):
            lines = 2 * count
            nearest = np.rint(RADII * (lines + 1) - 1).clip(0, lines - 1)
            rows.append((nearest + first) % 2)
            counts.append(count)
    return np.array(rows), np.array(counts)


TEMPLATES, KNOWN = _templates()


def counted(frame, ellipses):
    """Return antinodes of known outlines with the rings that their radial profiles show."""
    bright = np.sqrt(frame.astype(np.float32))
    return [Antinode(ellipse, evidence(bright, ellipse)[1]) for ellipse in ellipses]
