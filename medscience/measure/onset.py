"""When a note begins: the blow, and after it the moment when its envelope reaches a tenth of its maximum."""

from dataclasses import dataclass, replace

import numpy as np

from medscience.measure.unfold import Numbers, Oscillation, Rings, expected

PART = 0.1
"""Of the envelope's maximum, at which a note is said to begin."""
ROUNDS = 25
SUSTAINED, AMONG = 5, 8
"""A note is moving if it is seen in so many of the next so many frames."""


def first_sight(rings: Rings) -> int | None:
    """Return the first frame from which on an antinode is seen again and again."""
    seen = np.concatenate([rings.seen, np.zeros(AMONG - 1, dtype=bool)]).astype(int)
    count = np.convolve(seen, np.ones(AMONG, dtype=int), "valid")
    there = np.flatnonzero(rings.seen & (count >= SUSTAINED))
    return int(there[0]) if len(there) else None


def blow(rings: Rings, sight: int) -> float:
    """Return when a note was struck that is first seen in a frame, in seconds.

    What a force moves from rest goes as the square of time, so a line through the roots of the first counts
    is followed back to 0, by a millisecond at most.
    """
    stop = sight + 1
    while stop < min(sight + 8, len(rings.values)) and rings.values[stop] > rings.values[stop - 1]:
        stop += 1
    roots = np.sqrt(rings.values[sight:stop])
    if len(roots) < 3:
        return sight * rings.step_s
    slope, start = np.polyfit(np.arange(len(roots)), roots, 1)
    back = min(max(start / slope, 0.0), 1e-3 / rings.step_s) if slope > 0 else 0.0
    return float((sight - back) * rings.step_s)


JUMP_S = 0.3e-3
"""A note that has risen so soon after the blow jumps."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the fit of a beginning takes for granted; `FORMS` are as good as each other."""

    risen: float = 0.35
    """It is fitted until the envelope has reached this part of its maximum."""
    degree: int = 2
    """Of the polynomial in time that the amplitude follows from the blow on; it has no constant term."""
    earlier_s: float = 0.0
    """How much before the time that was found the blow came."""


FORMS = (
    Form(),
    Form(degree=1, risen=0.25),
    Form(degree=3, risen=0.5),
    Form(risen=0.25),
    Form(risen=0.5),
    Form(degree=3),
    Form(earlier_s=0.3e-3),
    Form(earlier_s=-0.3e-3),
)


def beginning(rings: Rings, found: Oscillation, blow_s: float, stop: int, degree: int) -> Oscillation:
    """Return the motion from the blow on, fitted where it is still too small to be seen.

    The amplitude is a polynomial in the time since the blow, 0 at the blow, fitted by expectation and
    maximisation: frames in which the note was not found yet say only that it moved by less than can be seen.

    Parameters
    ----------
    rings : Rings
        Shape (..., n).
    found : Oscillation
        The motion as `medscience.measure.unfold` has it: its signs and its carrier.
    stop : int
        The first frame that is not fitted (`risen`).

    Returns
    -------
    Oscillation
        From the first frame to `stop`; 0 before the blow.
    """
    times = found.times[:stop]
    after = times >= blow_s
    u = np.where(after, times - blow_s, 0) / (times[-1] - blow_s)
    powers = u[:, None] ** np.arange(1, degree + 1)
    turn = np.exp(2j * np.pi * found.carrier_hz * times)[:, None]
    basis = np.concatenate([powers * turn.real, -powers * turn.imag], axis=1)
    piece = rings.until(stop)
    fit = found.place[..., :stop]
    numbers = np.zeros((*fit.shape[:-1], basis.shape[1]))
    for _ in range(ROUNDS):
        place, weight = expected(piece, fit)
        weighed = basis * (weight * after)[..., None]
        square = np.swapaxes(weighed, -1, -2) @ basis
        floor = 1e-9 * np.trace(square, axis1=-2, axis2=-1)[..., None, None] + 1e-12
        right = np.swapaxes(weighed, -1, -2) @ place[..., None]
        numbers = np.linalg.solve(square + floor * np.eye(basis.shape[1]), right)[..., 0]
        fit = numbers @ basis.T
    amplitude = numbers[..., :degree] @ powers.T + 1j * numbers[..., degree:] @ powers.T
    return replace(found, amplitude=amplitude)


def risen(found: Oscillation, blow_s: float, part: float) -> int | None:
    """Return the first frame in which a note has clearly begun: where the fit of its beginning ends.

    None for a note that jumps: the blow is its beginning, and there is nothing to fit.
    """
    envelope = found.envelope
    there = int(np.argmax(envelope >= part * envelope.max()))
    if there * found.step_s <= blow_s + JUMP_S:
        return None
    least = int((blow_s + 2 / found.carrier_hz) / found.step_s) + 5
    return min(max(there, least), len(envelope))


def crossing(times: Numbers, envelope: Numbers, level: float) -> float:
    """Return when an envelope first reaches a level, between samples along a straight line; NaN: never.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 4.0]), 3.0)
    1.5
    """
    above = np.flatnonzero(envelope >= level)
    if not len(above):
        return float("nan")
    first = int(above[0])
    if first == 0:
        return float(times[0])
    low, high = envelope[first - 1], envelope[first]
    return float(times[first - 1] + (times[first] - times[first - 1]) * (level - low) / (high - low))
