"""A counter of rings without a network: elliptical Hough transform, then a radial profile.

What a person would write with the tools of image processing, tuned by hand on frames of other seeds: it
stands beside the networks on the same test set and shows how hard that set is.

Rings are concentric ellipses, so brightness changes along the normals of one ellipse, wherever one looks
within it. Each place votes for the ellipses whose normal there is the direction of its gradient.
"""

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max

from medscience.antinode import Antinode, Ellipse, overlap

SHRINK = 4
"""Pixels of a frame along each side of a cell of the Hough transform."""

BESIDE = 32
"""Cells of nothing around a frame: antinodes are cut by its edge."""

SHAPES = [
    (a, part, angle)
    for a in np.geomspace(16, 120, 10)
    for part in (0.95, 0.75, 0.55, 0.4)
    for angle in ((0,) if part > 0.9 else range(0, 180, 30 if part > 0.5 else 22))
    if a * part >= 11
]
"""Longer half axis in pixels, ratio of the axes, and angle in degrees of the ellipses that are voted for."""

BLUR, NEAR = 1.5, 12.0
"""Pixels: blur of the gradient, and of the brightness of its surroundings."""

GRAIN = 4.0
"""The most that a place's gradient counts, in units of those around it: no grain of speckle decides."""

COUNTS = np.arange(0.25, 11.3, 0.1)
POWERS = (1.3, 1.8)
INSIDE = 48
"""Radii at which brightness is averaged, up to the outline."""

RADII = (np.arange(INSIDE) + 0.5) / INSIDE

CANDIDATES, CLIMBS = 24, 7
STEPS = 4.0, 4.0, 0.1, 0.15, 0.15
"""First steps of climbing: of the middle in pixels, of the logarithms of size and shape."""
FEW = 20
"""Cells that are added to an ellipse's: few cells agree by chance."""
SURE = 9.0
"""Evidence from which an antinode counts as found; chosen on frames of other seeds."""

MOST = 9
"""Antinodes in a frame."""


def found(frame):
    """Return the antinodes of a frame (Y, X)."""
    bright = np.sqrt(frame.astype(np.float32))
    directions = _directions(bright)
    climbed = [
        _climbed(directions, candidate, frame.shape) for candidate in _candidates(directions, frame.shape)
    ]
    antinodes = []
    for votes, ellipse in sorted(climbed, key=lambda one: -one[0]):
        if votes > SURE and not any(_same(ellipse, one.ellipse) for one in antinodes):
            rings = evidence(bright, ellipse)[1]
            antinodes.append(Antinode(ellipse, rings, 1 - SURE / (votes + SURE)))
    return antinodes[:MOST]


def _directions(bright):
    """Return twice the angle of the gradient in each cell, as complex numbers, long where it is strong."""
    down, right = (gaussian_filter(bright, BLUR, order=order) for order in ((1, 0), (0, 1)))
    twice = (right + 1j * down) ** 2
    size = np.abs(twice)
    twice /= gaussian_filter(size, NEAR) + 1e-6 * size.mean() + 1e-12
    twice *= np.minimum(GRAIN / np.maximum(np.abs(twice), 1e-12), 1)
    cells = gaussian_filter(twice, SHRINK / 2)[SHRINK // 2 :: SHRINK, SHRINK // 2 :: SHRINK]
    return cells / np.sqrt((cells.real**2).mean())


def _normals(ellipse, y, x):
    """Return radii, 1 on the outline, and twice the angle of the normals, as complex numbers of length 1."""
    u, v = ellipse.along(y, x)
    right, down = ellipse.along(ellipse.y, ellipse.x + 1), ellipse.along(ellipse.y + 1, ellipse.x)
    normal = u * right[0] + v * right[1] + 1j * (u * down[0] + v * down[1])
    return np.hypot(u, v), (normal / np.maximum(np.abs(normal), 1e-12)) ** 2


def _voters(shape):
    """Return Fourier transforms of the normals within all ellipses, and what chance votes for each."""
    rows, columns = (
        np.minimum(np.arange(n), n - np.arange(n)) * np.where(np.arange(n) < n / 2, 1.0, -1.0) for n in shape
    )
    voters = []
    for a, part, angle in SHAPES:
        ellipse = Ellipse.of(0, 0, a / SHRINK, a * part / SHRINK, angle)
        radius, normals = _normals(ellipse, rows[:, None], columns[None, :])
        inside = radius < 1
        voters.append((np.conj(fft2(inside * normals)), np.sqrt(inside.sum())))
    return voters


_VOTERS: dict = {}


def _candidates(directions, shape):
    """Yield the ellipses that get most votes."""
    height, width = directions.shape
    room = tuple(next_fast_len(n + 2 * BESIDE) for n in directions.shape)
    if room not in _VOTERS:
        _VOTERS[room] = _voters(room)
    spectrum = fft2(directions, room)
    best, which = np.full(directions.shape, -np.inf), np.zeros(directions.shape, int)
    for number, (voter, chance) in enumerate(_VOTERS[room]):
        votes = ifft2(spectrum * voter).real[:height, :width] / chance
        which, best = np.where(votes > best, number, which), np.maximum(best, votes)
    for row, column in peak_local_max(best, min_distance=2, num_peaks=CANDIDATES, exclude_border=False):
        a, part, angle = SHAPES[which[row, column]]
        y, x = (float(place * SHRINK + SHRINK // 2) for place in (row, column))
        ellipse = Ellipse.of(x, y, a, a * part, angle)
        if ellipse.inside(shape) > 0.3:
            yield ellipse


def _climbed(directions, ellipse, shape):
    """Return the votes for an ellipse, moved and shaped for as many as there are, and the ellipse."""
    here, best = np.array(log_numbers(ellipse)), _votes(directions, ellipse)
    step = np.array(STEPS)
    for _ in range(CLIMBS):
        moved = False
        for axis in range(5):
            for sign in (-1, 1):
                there = here.copy()
                there[axis] += sign * step[axis]
                other = from_log_numbers(there)
                if not other.b > 9 or other.a > 160 or other.inside(shape) < 0.3:
                    continue
                votes = _votes(directions, other)
                if votes > best:
                    best, here, moved = votes, there, True
                    break
        if not moved:
            step /= 2
    return best, from_log_numbers(here)


def _votes(directions, ellipse):
    """Return how far the votes of all cells within an ellipse stand out of chance."""
    up, left = ellipse.reach
    rows, columns = (
        np.arange(max(int((middle - reach) / SHRINK), 0), min(int((middle + reach) / SHRINK) + 2, cells))
        for middle, reach, cells in zip((ellipse.y, ellipse.x), (up, left), directions.shape, strict=True)
    )
    if not len(rows) or not len(columns):
        return 0.0
    y, x = (float(SHRINK) * cells + SHRINK // 2 for cells in (rows[:, None], columns[None, :]))
    radius, normals = _normals(ellipse, y, x)
    inside = radius < 1
    agreed = (directions[np.ix_(rows, columns)] * np.conj(normals)).real
    return float(agreed[inside].sum() / np.sqrt(inside.sum() + FEW))


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
    profile, inside, spread = _profile(frame, ellipse)
    if (inside > 0).sum() < 24:
        return 0.0, 0.0
    away = profile - (profile * inside).sum() / inside.sum()
    templates = TEMPLATES - (TEMPLATES * inside).sum(1, keepdims=True) / inside.sum()
    sizes = np.sqrt((templates**2 * inside).sum(1)) + 1e-9
    scores = ((templates * inside) @ away) / sizes / (spread + 1e-9)
    top = int(scores.argmax())
    return float(scores[top]), float(KNOWN[top])


def _profile(frame, ellipse):
    """Return mean brightness at each radius, of how many pixels, and the spread of brightness."""
    up, left = ellipse.reach
    y = np.arange(max(int(ellipse.y - up), 0), min(int(ellipse.y + up) + 2, frame.shape[0]), 2)
    x = np.arange(max(int(ellipse.x - left), 0), min(int(ellipse.x + left) + 2, frame.shape[1]), 2)
    if len(y) < 2 or len(x) < 2:
        return np.zeros(INSIDE), np.zeros(INSIDE), 1.0
    u, v = ellipse.along(y[:, None].astype(float), x[None, :].astype(float))
    place = (np.hypot(u, v) * INSIDE).astype(int)
    inside = place < INSIDE
    part = frame[y[0] : y[-1] + 1 : 2, x[0] : x[-1] + 1 : 2]
    pixels = np.bincount(place[inside], minlength=INSIDE)
    sums = np.bincount(place[inside], part[inside], minlength=INSIDE)
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
