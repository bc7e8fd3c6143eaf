"""The numbers of one note's motion, each with an interval.

Every interval is meant to hold 90 %. It comes from a bootstrap of the fit: the errors of the frames in which
the antinode was seen, in blocks of half a period, are put on the fitted motion again in another order, what
is then below the detector's limit is taken away, and everything is measured anew, `REPLICATES` times, with
the forms of beginning that are as good as each other (`FORMS`). The interval reaches to both sides as far as
the farther of the 5th and 95th percentile. What all frames of an antinode have wrong alike, such as a
detector that always counts a tenth too much, is in no such interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from medscience.measure.onset import FORMS, PART, Form, beginning, crossing, risen
from medscience.measure.unfold import Complex, Oscillation, Rings, frequency_hz, refine, unfold

REPLICATES = 80
INSIDE = (5, 95)
"""Percentiles between which an interval lies."""
LEAST_SEEN = 24
"""Frames in which an antinode must be seen for its motion to be measured; others keep their place only."""
SILENT = 3
"""Frames at rest that a recording must begin with, to know when something began."""

NUMBERS = ("frequency_hz", "onset_s", "rise_s", "decay_per_s", "peak_s", "peak_rings")
"""What is measured of each note."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and between what it lies with a probability of 90 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Motion:
    """How a note moves, and the same measured again from other errors."""

    found: Oscillation
    """Shape (n,)."""
    again: Oscillation
    """Shape (`REPLICATES`, n)."""
    numbers: Mapping[str, Interval]
    """Each of `NUMBERS` that can be measured."""


def unfolded(rings: Rings, struck_s: float | None) -> Oscillation | None:
    """Return the fitted motion alone; arguments as in `motion_of`."""
    start = -np.inf if struck_s is None else struck_s
    moving = np.arange(len(rings.seen)) * rings.step_s >= start
    return unfold(rings, start) if (rings.seen & moving).sum() >= LEAST_SEEN else None


def motion_of(rings: Rings, struck_s: float | None) -> Motion | None:
    """Return how an antinode moves; None where it was seen too rarely, or too fast for the frame rate.

    Parameters
    ----------
    rings : Rings
        Shape (n,).
    struck_s : float, optional
        When the drum was struck: before, everything is at rest.
    """
    found = unfolded(rings, struck_s)
    if found is None:
        return None
    begun = _begun(rings, found, found, struck_s, FORMS[0])
    value = _numbers(found, begun)
    again, rows = _measured_again(_resampled(rings, found, begun), found, struck_s)
    numbers = {name: _interval(value[name], [row[name] for row in rows]) for name in NUMBERS}
    known = {name: interval for name, interval in numbers.items() if interval}
    return Motion(found, replace(found, amplitude=again), known)


def _measured_again(
    others: Rings, found: Oscillation, struck_s: float | None
) -> tuple[Complex, list[dict[str, float]]]:
    """Return amplitude and numbers of each replicate; each of the forms of a beginning has its share."""
    amplitudes: list[Complex] = []
    rows: list[dict[str, float]] = []
    share = REPLICATES // len(FORMS)
    for number, form in enumerate(FORMS):
        part = others.row(slice(number * share, (number + 1) * share))
        some = refine(part, found, -np.inf if struck_s is None else struck_s)
        amplitudes.append(some.amplitude)
        first = _begun(part, some, found, struck_s, form)
        if first is None:
            apart = [_numbers(one, None) for one in _each(some)]
            rows += [row | {"onset_s": row["onset_s"] - form.earlier_s} for row in apart]
        else:
            rows += [_numbers(one, two) for one, two in zip(_each(some), _each(first), strict=True)]
    return np.concatenate(amplitudes), rows


def _interval(value: float, others: list[float]) -> Interval | None:
    rows = np.array(others)
    rows = rows[np.isfinite(rows)]
    if not np.isfinite(value) or len(rows) < REPLICATES / 2:
        return None
    half = float(np.abs(np.percentile(rows, INSIDE) - value).max())
    return Interval(value, value - half, value + half)


def _each(motion: Oscillation) -> list[Oscillation]:
    return [replace(motion, amplitude=row) for row in motion.amplitude]


def _begun(
    rings: Rings, found: Oscillation, one: Oscillation, struck_s: float | None, form: Form
) -> Oscillation | None:
    """Return the motion from the blow on; None where the blow is not known, or `one`, the best fit, jumps."""
    if struck_s is None:
        return None
    at = struck_s - form.earlier_s
    stop = risen(one, at, form.risen)
    return None if stop is None else beginning(rings, found, at, stop, form.degree)


def _resampled(rings: Rings, found: Oscillation, begun: Oscillation | None) -> Rings:
    """Return what a detector might have said of the fitted motion with other errors, `REPLICATES` times.

    What is then below its limit is not seen; what it missed although it was clear is missed again.
    """
    random = np.random.default_rng(0)
    fit = found.place.copy()
    if begun is not None:
        fit[: len(begun.times)] = begun.place
    size = np.abs(fit)
    clear = rings.seen & (size > 0)
    off = ((rings.values - size) / rings.error)[clear]
    block = max(int(0.5 / found.carrier_hz / rings.step_s), 1)
    starts = random.integers(0, len(off), (REPLICATES, -(-len(fit) // block)))
    picked = (starts[..., None] + np.arange(block)).reshape(REPLICATES, -1)[:, : len(fit)] % len(off)
    values = np.abs(size + rings.error * off[picked])
    missed = ~rings.seen & ((size > rings.limit) | ~rings.taken)
    seen = (values > rings.limit) & ~missed
    return replace(rings, values=np.where(seen, values, 0), seen=seen)


def _numbers(found: Oscillation, begun: Oscillation | None) -> dict[str, float]:
    """Return `NUMBERS` of one motion; NaN where there is none."""
    times, envelope = found.times, found.envelope
    peak = int(np.argmax(envelope))
    most = float(envelope[peak])
    onset = _onset(found, begun, PART * most)
    return {
        "frequency_hz": frequency_hz(found),
        "onset_s": onset,
        "rise_s": max(crossing(times, envelope, 0.9 * most) - onset, 0.0),
        "decay_per_s": _decay(found, peak),
        "peak_s": float(times[peak]),
        "peak_rings": most,
    }


def _onset(found: Oscillation, begun: Oscillation | None, level: float) -> float:
    if begun is not None:
        onset = crossing(begun.times, begun.envelope, level)
        return crossing(found.times, found.envelope, level) if np.isnan(onset) else onset
    onset = crossing(found.times, found.envelope, level)
    return onset if onset > SILENT * found.step_s else float("nan")


def _decay(found: Oscillation, peak: int) -> float:
    """Return how fast the envelope falls from its maximum to a tenth of it: a line through its logarithm."""
    envelope = found.envelope[peak:]
    low = np.flatnonzero(envelope < PART * envelope[0])
    envelope = envelope[: int(low[0])] if len(low) else envelope
    times = np.arange(len(envelope)) * found.step_s
    if len(envelope) < 3 or times[-1] < 2 / found.carrier_hz:
        return float("nan")
    slope = np.polynomial.polynomial.polyfit(times, np.log(envelope), 1, w=envelope)[1]
    return float(-slope)
