"""A struck drum: from what was detected in each frame to the motion of each note, with intervals.

Every interval is meant to hold 90 %. It comes from a bootstrap of the fit: the errors of the frames in which the
antinode was seen, in blocks of half a period, are put on the fitted motion again in another order, what is then
below the detector's limit is taken away, and everything is measured anew, `REPLICATES` times, with the forms of
beginning that are as good as each other (`FORMS`). The interval reaches to both sides as far as the farther of
the 5th and 95th percentile. What all frames of an antinode have wrong alike, such as a detector that always counts
a tenth too much, is in no such interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.measure.linking import Detections, Track, link
from medscience.measure.onset import FORMS, PART, Form, beginning, blow, crossing, first_sight, risen
from medscience.measure.unfold import Numbers, Oscillation, Rings, frequency_hz, refine, unfold

Counts = NDArray[np.int64]

REPLICATES = 80
INSIDE = (5, 95)
"""Percentiles between which an interval lies."""
LEAST_SEEN = 24
"""Frames in which an antinode must be seen for its motion to be measured; others keep their place only."""
OF_90 = 3.2897
"""Width of a 90 % interval in standard deviations."""
LEAST_ERROR = 0.03
"""Rings; a detector that claims to be surer is not believed."""
SILENT = 3
"""Frames at rest that a recording must begin with, to know when the drum was struck."""
JUMP = 0.4
"""The struck note has this part of its greatest amplitude within one period; others rise more slowly."""

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
    onsets: Numbers
    """Of the replicates, in seconds; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Note:
    """An antinode through time."""

    track: Track
    rings: Rings
    motion: Motion | None
    """None where it was seen too rarely, or moves too fast for the frame rate."""
    first: int
    """Places in time, counted in frames with the lost ones, at which it was first and last seen."""
    last: int


@dataclass(frozen=True, slots=True)
class Strike:
    """All notes that were seen in a recording."""

    notes: tuple[Note, ...]
    """In the order of their onsets; those without one last."""
    blow_s: float | None
    """When the drum was struck; None where the recording does not show it."""
    limit: float
    """Rings from which on antinodes were found."""
    unlinked: int
    """Detections that belong to no antinode."""


def follow(detections: Detections, steps: Sequence[int], step_s: float) -> Strike:
    """Return the notes that the detections of a recording show.

    Parameters
    ----------
    detections : Detections
        Of all frames, in any order.
    steps : sequence of int
        When each stored frame was taken, in frames from the first: lost frames are left out.
    step_s : float
        How long a frame lasts.

    Raises
    ------
    InputError
        If a detection is of a frame that there is not.
    """
    places = np.asarray(steps, dtype=np.int64)
    _check(detections, len(places))
    ordered = detections.sorted()
    tracks = link(ordered, len(places))
    limit = _first_limit(ordered, tracks)
    series = [_rings(ordered, track, places, step_s, limit) for track in tracks]
    struck_s = _struck(series)
    limit = _limit(series, struck_s)
    series = [replace(rings, limit=limit) for rings in series]
    notes = [_note(track, rings, struck_s) for track, rings in zip(tracks, series, strict=True)]
    linked = sum(len(track.rows) for track in tracks)
    return Strike(tuple(sorted(notes, key=_order)), struck_s, limit, len(detections) - linked)


def _check(detections: Detections, frames: int) -> None:
    strange = detections.frame[(detections.frame < 0) | (detections.frame >= frames)]
    if len(strange):
        raise InputError(
            "FOLLOW-FRAME",
            field="frame",
            found=int(strange[0]),
            expected=f"0 to {frames - 1}, the frames of the image",
            fix="detect in this image again",
        )


def _rings(detections: Detections, track: Track, places: Counts, step_s: float, limit: float) -> Rings:
    """Return the rings of an antinode on an even grid of times."""
    count = int(places[-1]) + 1
    taken, seen = np.zeros((2, count), dtype=bool)
    taken[places] = True
    at, values = places[detections.frame[track.rows]], detections.rings[track.rows]
    seen[at] = True
    wide = detections.high[track.rows] - detections.low[track.rows]
    errors = np.maximum(wide / OF_90, LEAST_ERROR)
    rings, error = np.zeros(count), np.full(count, np.median(errors[values <= np.median(values)]))
    rings[at], error[at] = values, errors
    return Rings(step_s, rings, error, seen, taken, limit)


def _first_limit(detections: Detections, tracks: list[Track]) -> float:
    linked = [detections.rings[track.rows] for track in tracks]
    return float(np.quantile(np.concatenate(linked), 0.02)) if linked else 0.0


def _limit(series: list[Rings], struck_s: float | None) -> float:
    """Return the rings from which on antinodes are found: what parts frames with and without one best.

    By the fitted motion of all notes, where their amplitude is twice the first guess or more.
    """
    sizes, seen = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    first = series[0].limit if series else 0.0
    for rings in series:
        found = _unfolded(rings, struck_s)
        if found is not None:
            clear = rings.taken & (found.envelope > 2 * first)
            sizes.append(np.abs(found.place[clear]))
            seen.append(rings.seen[clear])
    order = np.argsort(np.concatenate(sizes))
    size, there = np.concatenate(sizes)[order], np.concatenate(seen)[order]
    if there.all() or not len(there):
        return first
    wrong = np.cumsum(there) - np.cumsum(~there)  # below the limit and seen, less below and not seen
    return float(max(size[int(np.argmin(wrong))], first))


def _unfolded(rings: Rings, struck_s: float | None) -> Oscillation | None:
    if rings.seen.sum() < LEAST_SEEN:
        return None
    return unfold(rings, -np.inf if struck_s is None else struck_s)


def _struck(series: list[Rings]) -> float | None:
    """Return when the drum was struck: when the first note jumps; None if it moved before, or none jumps."""
    sights = [(first_sight(rings), rings) for rings in series if rings.seen.sum() >= LEAST_SEEN]
    known = [(sight, rings) for sight, rings in sights if sight is not None]
    if not known:
        return None
    sight, rings = min(known, key=lambda pair: (pair[0], -pair[1].values.max()))
    if sight < SILENT:
        return None
    struck_s = blow(rings, sight)
    found = unfold(rings, struck_s)
    if found is None:
        return None
    soon = found.envelope[sight : sight + int(1 / found.carrier_hz / rings.step_s) + 1].max()
    return struck_s if soon >= JUMP * found.envelope.max() else None


def _note(track: Track, rings: Rings, struck_s: float | None) -> Note:
    at = np.flatnonzero(rings.seen)
    return Note(track, rings, _motion(rings, struck_s), int(at[0]), int(at[-1]))


def _motion(rings: Rings, struck_s: float | None) -> Motion | None:
    found = _unfolded(rings, struck_s)
    if found is None:
        return None
    begun = _begun(rings, found, struck_s, FORMS[0])
    value = _numbers(found, begun)
    others = _resampled(rings, found, begun)
    again = refine(others, found, -np.inf if struck_s is None else struck_s)
    rows: list[dict[str, float]] = []
    share = REPLICATES // len(FORMS)
    for number, form in enumerate(FORMS):
        part = slice(number * share, (number + 1) * share)
        some = replace(again, amplitude=again.amplitude[part])
        first = _begun(others.row(part), some, struck_s, form)
        rows += [_numbers(one, two) for one, two in zip(_each(some), _each(first) or [None] * share, strict=True)]
    numbers = {name: _interval(value[name], [row[name] for row in rows]) for name in NUMBERS}
    known = {name: interval for name, interval in numbers.items() if interval}
    return Motion(found, again, known, np.array([row["onset_s"] for row in rows]))


def _interval(value: float, others: list[float]) -> Interval | None:
    rows = np.array(others)
    rows = rows[np.isfinite(rows)]
    if not np.isfinite(value) or len(rows) < REPLICATES / 2:
        return None
    half = float(np.abs(np.percentile(rows, INSIDE) - value).max())
    return Interval(value, value - half, value + half)


def _each(motion: Oscillation | None) -> list[Oscillation]:
    return [] if motion is None else [replace(motion, amplitude=row) for row in motion.amplitude]


def _begun(rings: Rings, found: Oscillation, struck_s: float | None, form: Form) -> Oscillation | None:
    """Return the motion from the blow on, where the blow is known."""
    if struck_s is None:
        return None
    at = struck_s - form.earlier_s
    return beginning(rings, found, at, risen(found, at, form.risen), form.degree)


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
        "frequency_hz": float(frequency_hz(found)),
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
    """Return how fast the envelope falls after its maximum, until a tenth of it: a line through its logarithm."""
    envelope = found.envelope[peak:]
    low = np.flatnonzero(envelope < PART * envelope[0])
    envelope = envelope[: int(low[0])] if len(low) else envelope
    times = np.arange(len(envelope)) * found.step_s
    if len(envelope) < 3 or times[-1] < 2 / found.carrier_hz:
        return float("nan")
    slope = np.polynomial.polynomial.polyfit(times, np.log(envelope), 1, w=envelope)[1]
    return float(-slope)


def _order(note: Note) -> tuple[float, int, float, float]:
    onset = note.motion.numbers.get("onset_s") if note.motion else None
    at = note.track.ellipse
    return onset.value if onset else np.inf, note.first, at.x, at.y
