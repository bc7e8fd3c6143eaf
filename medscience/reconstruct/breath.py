"""From a breathing signal to phases, and from phases to bins of views."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from medscience.errors import MismatchError
from medscience.views import Views, angular_gap

Column = NDArray[np.float64]

QUICKEST, SLOWEST = 1.5, 12.0
"""Seconds of a breath."""
SMOOTH = 0.2
"""Seconds over which a signal is smoothed before its maxima are looked for."""
PROMINENT = 0.3
"""How far an inhalation rises above what is around it, relative to the spread of the signal."""
IN_BAND = 0.5
"""Part of a signal's variance that breathing has at least; white noise at ten views a second: 1/8."""
LARGEST_HOLE = 20.0
"""Degrees between neighbouring views of a bin, from which on it is noted."""


def phases_of(amplitude: Column, times: Column) -> Column:
    """Return the phase in [0, 1) of each view; 0 is the end of an inhalation.

    Phase grows evenly from each maximum to the next, as in RTK; before the first and after the last as in the
    breath beside it.

    Parameters
    ----------
    amplitude : ndarray
        Largest at the end of an inhalation; NaN where it is not known.
    times : ndarray
        In seconds, growing.

    Raises
    ------
    MismatchError
        If nothing in it breathes.
    """
    known = np.isfinite(amplitude)
    even = np.linspace(times[known][0], times[known][-1], max(int(known.sum()), 2))
    step = float(even[1] - even[0])
    signal: Column = np.interp(even, times[known], amplitude[known])
    part = _part_in_band(signal, step)
    smooth = gaussian_filter1d(signal, SMOOTH / step, mode="nearest")
    spread = float(np.subtract(*np.percentile(smooth, [95, 5])))
    found, _ = find_peaks(smooth, prominence=max(PROMINENT * spread, 1e-12), distance=max(QUICKEST / step, 1))
    if part < IN_BAND or spread <= 0 or len(found) < 2:
        raise MismatchError(
            "BREATHING-FLAT",
            field="breathing signal",
            found=f"{len(found)} breaths, {part:.0%} of its variance at the rate of breathing",
            expected=f"two breaths or more, of {QUICKEST:g} to {SLOWEST:g} s, with {IN_BAND:.0%} of it",
            fix="give the phases, or another signal: this one does not breathe",
        )
    maxima = even[0] + (found + _beside(smooth, found)) * step
    return _between(times, maxima, known)


def _between(times: Column, maxima: Column, known: NDArray[np.bool_]) -> Column:
    """Phases from the times of maxima."""
    first, last = maxima[1] - maxima[0], maxima[-1] - maxima[-2]
    before = maxima[0] - first * np.arange(np.ceil(max(maxima[0] - times[0], 0) / first), 0, -1)
    after = maxima[-1] + last * np.arange(1, np.ceil(max(times[-1] - maxima[-1], 0) / last) + 1)
    every = np.concatenate([before, maxima, after])
    phases: Column = np.mod(np.interp(times, every, np.arange(len(every))), 1.0)
    return np.where(known, phases, np.nan)


def _beside(signal: Column, peaks: NDArray[np.intp]) -> Column:
    """How far, in samples, the top of a parabola through a maximum and its neighbours is from it."""
    left, middle, right = signal[peaks - 1], signal[peaks], signal[peaks + 1]
    bend = left - 2 * middle + right
    return np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)


def _part_in_band(signal: Column, step: float) -> float:
    """Part of a signal's variance, drift left out, that is at the rate of breathing or twice it."""
    turned = signal - np.polynomial.Polynomial.fit(np.arange(len(signal)), signal, 1)(np.arange(len(signal)))
    power = np.abs(np.fft.rfft(turned * np.hanning(len(turned)))) ** 2
    rates = np.fft.rfftfreq(len(turned), step)
    faster = rates >= 1 / SLOWEST
    inside = faster & (rates <= 1 / QUICKEST)
    return float(power[inside].sum() / power[faster].sum()) if power[faster].sum() > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Bin:
    """The views of a phase."""

    views: NDArray[np.intp]
    hole_deg: float
    """The largest angle between neighbouring views."""


def bins_of(phases: Column, count: int, views: Views, least: int) -> list[Bin]:
    """Return the views of each phase: bin b holds the phases nearest to b / count.

    Parameters
    ----------
    phases : ndarray
        Of each view, in [0, 1); NaN where it is not known: such a view is in no bin.
    count : int
        Number of bins.
    views : Views
        For the angles.
    least : int
        Views that a bin needs.

    Raises
    ------
    MismatchError
        If a bin has fewer: an image of it would be of nothing.
    """
    known = np.flatnonzero(np.isfinite(phases))
    number = np.floor(phases[known] * count + 0.5).astype(int) % count
    members = [known[number == b] for b in range(count)]
    few = {b: len(chosen) for b, chosen in enumerate(members) if len(chosen) < least}
    if few:
        raise MismatchError(
            "RECONSTRUCT-BIN",
            field="phases",
            found=", ".join(f"{n} views in bin {b}" for b, n in few.items()),
            expected=f"{least} views or more in each of {count}",
            fix="ask for fewer phases, or give the whole scan",
        )
    return [Bin(chosen, angular_gap(views.gantry_deg[chosen])) for chosen in members]
