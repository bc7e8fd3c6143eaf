"""From |d| to d: rings say how far an antinode's middle is from its place at rest, not on which side.

The motion is A(t) cos φ(t) with an amplitude and a phase that change slowly. Its square, which rings do say,
has a line at twice the frequency: that gives a first phase, the phase the signs, and then a line with its
slope is fitted to the signed rings around each moment, by weighted least squares with the weights of a
Gaussian of half a period. Amplitude and phase are those of that line at its middle. Signs and fit are
repeated.

A frame in which the antinode was not found is not empty: there |d| was probably below what the detector sees.
Such a frame counts as the mean of what it can have been (a step of expectation and maximisation), unless the
fit says that there was enough to see: then the detector missed it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

Numbers = NDArray[np.float64]
Complex = NDArray[np.complex128]
Mask = NDArray[np.bool_]

WIDTH = 0.5
"""Standard deviation of the Gaussian in periods: twice the frequency, and half of it, are left out."""
SHORTEST_S = 0.4e-3
"""And it is never shorter than this."""
TURNS = 6
"""How often signs and fit are repeated; the signs settle in two or three."""
MISSED = 0.05
"""How often a detector does not find what is there to see, before anything is known."""
LINE = 0.04
"""Of a frame's weight: the line of a note that swings evenly has 0.25 in the squares of its rings."""
CLEAR = 3.0
"""Errors beyond so many standard deviations count less, as Huber's weights have it."""


@dataclass(frozen=True, slots=True)
class Rings:
    """Rings of one antinode on an even grid of times; arrays of shape (..., n)."""

    step_s: float
    values: Numbers
    """0 where there is none."""
    error: Numbers
    """Standard deviation of each; where there is none, that of a small count."""
    seen: Mask
    """Frames in which it was found."""
    taken: Mask
    """Frames that there are: others were lost."""
    limit: float
    """Rings below which it is not found."""

    def row(self, part: slice) -> "Rings":
        """Return some rows of several."""
        return replace(self, values=self.values[part], seen=self.seen[part])

    def until(self, stop: int) -> "Rings":
        """Return the frames before one."""
        return replace(
            self,
            values=self.values[..., :stop],
            error=self.error[..., :stop],
            seen=self.seen[..., :stop],
            taken=self.taken[..., :stop],
        )


@dataclass(frozen=True, slots=True)
class Oscillation:
    """The motion of an antinode: d = Re(amplitude * exp(2 π i carrier t)), t from the first frame."""

    carrier_hz: float
    amplitude: Complex
    """In rings, shape (..., n)."""
    step_s: float

    @property
    def times(self) -> Numbers:
        """Seconds from the first frame, shape (n,)."""
        return np.asarray(np.arange(self.amplitude.shape[-1]) * self.step_s, dtype=float)

    @property
    def envelope(self) -> Numbers:
        """Amplitude in rings."""
        return np.abs(self.amplitude)

    @property
    def place(self) -> Numbers:
        """Signed displacement in rings."""
        return np.asarray((self.amplitude * np.exp(2j * np.pi * self.carrier_hz * self.times)).real)


def unfold(rings: Rings, from_s: float = -np.inf) -> Oscillation | None:
    """Return the motion whose absolute value the rings are; its sign as a whole is not known.

    None where they have no frequency below a quarter of the frame rate.

    Parameters
    ----------
    rings : Rings
        Of one antinode, shape (n,).
    from_s : float
        Before this time, the blow, everything is at rest.
    """
    best, least = None, np.inf
    for frequency in _candidates(rings):
        found = Oscillation(frequency, _first_phase(rings, frequency), rings.step_s)
        for _ in range(2):
            found = refine(rings, _retuned(found), from_s)
        misfit = _misfit(rings, found)
        if misfit < least:
            best, least = found, misfit
    return best


def refine(rings: Rings, start: Oscillation, from_s: float = -np.inf) -> Oscillation:
    """Return the motion fitted to the rings, with signs that begin as those of `start`."""
    found = start
    moving = start.times >= from_s
    for _ in range(TURNS):
        place, weight = expected(rings, found.place)
        amplitude = _local_lines(place, weight * moving, found)
        found = replace(found, amplitude=np.where(moving, amplitude, 0))
    return found


def expected(rings: Rings, fit: Numbers) -> tuple[Numbers, Numbers]:
    """Return what each frame says of the signed displacement, and its weight, given a fit.

    A frame that was lost has the weight 0.
    """
    sign = np.where(fit < 0, -1.0, 1.0)
    off = np.abs(sign * rings.values - fit) / rings.error
    weight = np.minimum(1, CLEAR / np.maximum(off, 1e-9)) / rings.error**2
    hidden, share = _hidden(fit, rings.limit, rings.error)
    unseen = share / (rings.error**2 + rings.limit**2 / 3)
    place = np.where(rings.seen, sign * rings.values, hidden)
    return place, np.where(rings.seen, weight, np.where(rings.taken, unseen, 0))


def _hidden(fit: Numbers, limit: float, error: Numbers) -> tuple[Numbers, Numbers]:
    """Return the mean of a displacement below the limit, and how likely it was not seen for that reason."""
    high, low = (limit - fit) / error, (-limit - fit) / error
    inside = np.maximum(ndtr(high) - ndtr(low), 1e-12)
    density = (np.exp(-low * low / 2) - np.exp(-high * high / 2)) / np.sqrt(2 * np.pi)
    mean = np.clip(fit + error * density / inside, -limit, limit)
    return mean, inside / (inside + MISSED)


def _local_lines(place: Numbers, weight: Numbers, carrier: Oscillation) -> Complex:
    """Fit (a + a' τ) cos ωt + (b + b' τ) sin ωt around each time, and return a - ib there."""
    n = place.shape[-1]
    turn = 2 * np.pi * carrier.carrier_hz * carrier.times
    cos, sin = np.cos(turn), np.sin(turn)
    sigma = max(WIDTH / carrier.carrier_hz, SHORTEST_S) / carrier.step_s
    reach = int(np.ceil(4 * sigma))
    offsets = np.arange(-reach, reach + 1) / sigma
    kernel = np.exp(-offsets * offsets / 2)
    size = next_fast_len(n + 2 * reach, real=True)
    moments = [np.conj(rfft(kernel * offsets**power, size)) for power in range(3)]

    def sums(values: Numbers, power: int) -> Numbers:
        spectrum = rfft(np.concatenate([np.zeros((*values.shape[:-1], reach)), values], axis=-1), size)
        return np.asarray(irfft(spectrum * moments[power], size)[..., :n])

    products = [weight * cos * cos, weight * cos * sin, weight * sin * sin]
    cc, cs, ss = ([sums(product, power) for power in range(3)] for product in products)
    xc, xs = ([sums(weight * place * side, power) for power in range(2)] for side in (cos, sin))
    rows = [
        [cc[0], cs[0], cc[1], cs[1]],
        [cs[0], ss[0], cs[1], ss[1]],
        [cc[1], cs[1], cc[2], cs[2]],
        [cs[1], ss[1], cs[2], ss[2]],
    ]
    matrix = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    floor = (1e-6 * weight.max() + 1e-3) * np.eye(4)
    right = np.stack([xc[0], xs[0], xc[1], xs[1]], axis=-1)[..., None]
    found = np.linalg.solve(matrix + floor, right)[..., 0]
    return np.asarray(found[..., 0] - 1j * found[..., 1])


def _candidates(rings: Rings) -> list[float]:
    """Return up to three frequencies at whose double the squares of the rings have a line."""
    squares = np.where(rings.seen, rings.values**2, 0)
    active = _active(squares)
    part = squares[active]
    level = gaussian_filter1d(part, len(part) / 12, mode="nearest")
    flat = (part / (level + 1e-3 * level.max()) - 1) * np.hanning(len(part))
    size = next_fast_len(8 * len(part), real=True)
    power = np.abs(rfft(flat, size))
    power[: int(2.5 * size / len(part))] = 0  # slower than that is the envelope
    peaks = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    best = peaks[np.argsort(-power[peaks])][:3]
    least = max(0.3 * power[best[0]], LINE * len(part)) if len(best) else 0.0
    return [float(peak / size / rings.step_s / 2) for peak in best if power[peak] > least]


def _active(squares: Numbers) -> slice:
    """Return from where to where there is motion: a twentieth of the greatest power, smoothed."""
    level = gaussian_filter1d(squares, len(squares) / 30, mode="constant")
    there = np.flatnonzero(level > 0.05 * level.max())
    return slice(int(there[0]), int(there[-1]) + 1)


def _first_phase(rings: Rings, frequency: float) -> Complex:
    """Return an amplitude with half the phase that the squares have at twice the frequency."""
    squares = np.where(rings.seen, rings.values**2, 0)
    times = np.arange(len(squares)) * rings.step_s
    wide = 0.6 / frequency / rings.step_s
    level = gaussian_filter1d(squares, wide, mode="nearest")
    around = (squares - level) * np.exp(-4j * np.pi * frequency * times)
    smooth = gaussian_filter1d(around.real, wide) + 1j * gaussian_filter1d(around.imag, wide)
    return np.asarray(np.sqrt(2 * level) * np.exp(0.5j * np.unwrap(np.angle(smooth))))


def _retuned(found: Oscillation) -> Oscillation:
    """Return the same motion with the carrier at its mean frequency."""
    change = frequency_hz(found) - found.carrier_hz
    turned = found.amplitude * np.exp(-2j * np.pi * change * found.times)
    return replace(found, carrier_hz=found.carrier_hz + change, amplitude=turned)


def frequency_hz(found: Oscillation) -> float:
    """Return the mean frequency of a motion of shape (n,), weighted by the square of the amplitude.

    Phases are compared modulo half a turn, as the sign may change where the amplitude passes zero. Three
    quarters of a period at both ends of the motion are left out, as the fit has no neighbours beyond.
    """
    edge = int(0.75 / found.carrier_hz / found.step_s)
    moving = np.flatnonzero(found.amplitude)
    if len(moving) > 4 * edge:
        inner = slice(int(moving[0]) + edge, int(moving[-1]) + 1 - edge)
        found = replace(found, amplitude=found.amplitude[inner])
    step = found.amplitude[1:] * np.conj(found.amplitude[:-1])
    change = np.angle(step**2) / 2
    weight = np.abs(step)
    mean = float(change @ weight) / max(float(weight.sum()), 1e-12)
    return found.carrier_hz + mean / (2 * np.pi * found.step_s)


def _misfit(rings: Rings, found: Oscillation) -> float:
    """Return the mean error of the fit in frames that were seen, in standard deviations, capped."""
    off = np.abs(np.abs(found.place) - rings.values) / rings.error
    return float(np.minimum(off[rings.seen], 2 * CLEAR).mean())
