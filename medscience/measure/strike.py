"""A struck drum: from what was detected in each frame to its notes and their motion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.measure.linking import Detections, Trace, link
from medscience.measure.motion import LEAST_SEEN, SILENT, Motion, motion_of, unfolded
from medscience.measure.onset import blow, first_sight
from medscience.measure.unfold import Rings, unfold

Counts = NDArray[np.int64]

OF_90 = 3.2897
"""Width of a 90 % interval in standard deviations."""
LEAST_ERROR = 0.03
"""Rings; a detector that claims to be surer is not believed."""
JUMP = 0.4
"""The struck note has this part of its greatest amplitude within one period; others rise more slowly."""


@dataclass(frozen=True, slots=True)
class Note:
    """An antinode through time."""

    trace: Trace
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
    traces = link(ordered, len(places))
    limit = _first_limit(ordered, traces)
    series = [_rings(ordered, trace, places, step_s, limit) for trace in traces]
    struck_s = _struck(series)
    limit = _limit(series, struck_s)
    series = [replace(rings, limit=limit) for rings in series]
    notes = [_note(trace, rings, struck_s) for trace, rings in zip(traces, series, strict=True)]
    linked = sum(len(trace.rows) for trace in traces)
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


def _rings(detections: Detections, trace: Trace, places: Counts, step_s: float, limit: float) -> Rings:
    """Return the rings of an antinode on an even grid of times."""
    count = int(places[-1]) + 1
    taken, seen = np.zeros((2, count), dtype=bool)
    taken[places] = True
    at, values = places[detections.frame[trace.rows]], detections.rings[trace.rows]
    seen[at] = True
    wide = detections.high[trace.rows] - detections.low[trace.rows]
    errors = np.maximum(wide / OF_90, LEAST_ERROR)
    rings, error = np.zeros(count), np.full(count, np.median(errors[values <= np.median(values)]))
    rings[at], error[at] = values, errors
    return Rings(step_s, rings, error, seen, taken, limit)


def _first_limit(detections: Detections, traces: list[Trace]) -> float:
    linked = [detections.rings[trace.rows] for trace in traces]
    return float(np.quantile(np.concatenate(linked), 0.02)) if linked else 0.0


def _limit(series: list[Rings], struck_s: float | None) -> float:
    """Return the rings from which on antinodes are found: what parts frames with and without one best.

    By the fitted motion of all notes, where their amplitude is twice the first guess or more.
    """
    sizes, seen = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    first = series[0].limit if series else 0.0
    for rings in series:
        found = unfolded(rings, struck_s)
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


def _note(trace: Trace, rings: Rings, struck_s: float | None) -> Note:
    at = np.flatnonzero(rings.seen)
    return Note(trace, rings, motion_of(rings, struck_s), int(at[0]), int(at[-1]))


def _order(note: Note) -> tuple[float, int, float, float]:
    onset = note.motion.numbers.get("onset_s") if note.motion else None
    at = note.trace.ellipse
    return onset.value if onset else np.inf, note.first, at.x, at.y
