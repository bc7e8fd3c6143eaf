"""How far one note is behind another: phases, where the frequencies are one or a whole multiple."""

from dataclasses import dataclass

import numpy as np

from medscience.measure.motion import INSIDE, Interval, Motion
from medscience.measure.strike import Note
from medscience.measure.unfold import Complex, Numbers, Oscillation

IN_TUNE = 0.03
"""Part by which a frequency may miss a whole multiple of another."""
MULTIPLES = (1, 2, 3, 4)
LOUD = 0.2
"""Phases are compared while both notes have this part of their greatest amplitude."""
STEADY = 0.6
"""A phase whose mean direction is shorter than this drifts, and is none."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A note against the one that was struck."""

    envelope_s: Interval | None
    """Between the two onsets."""
    multiple: int | None
    """Of the struck note's frequency; None where it is no whole multiple."""
    phase_deg: Interval | None
    """Phase of this note less `multiple` times that of the struck one: for notes of equal frequency their
    phase lag. 0 to 180, modulo half a turn, as rings do not say which way a note moves. None where it
    drifts."""
    steadiness: float | None
    """Length of the mean direction of the phase, 0 (it drifts) to 1."""


def lag(note: Note, struck: Note) -> Lag:
    """Return how far a note is behind the struck one.

    The phase is the mean direction over the time in which both are loud, weighted by their amplitudes. Its
    interval is of the bootstrap of `medscience.measure.strike`; that of the envelopes is of both onsets,
    taken as independent.
    """
    one, other = note.motion, struck.motion
    if one is None or other is None:
        return Lag(None, None, None, None)
    delay = _delay(one.numbers.get("onset_s"), other.numbers.get("onset_s"))
    multiple = _multiple(one, other)
    if multiple is None:
        return Lag(delay, None, None, None)
    mean = _direction(one.found, other.found, multiple)
    steadiness = float(np.abs(mean))
    if steadiness < STEADY:
        return Lag(delay, multiple, None, steadiness)
    again = _direction(one.again, other.again, multiple)
    off = np.degrees(np.angle(again * np.conj(mean))) / 2
    half = float(np.abs(np.percentile(off, INSIDE)).max())
    phase = float(np.degrees(np.angle(mean)) / 2 % 180)
    return Lag(delay, multiple, Interval(phase, phase - half, phase + half), steadiness)


def _delay(one: Interval | None, other: Interval | None) -> Interval | None:
    if one is None or other is None:
        return None
    value, half = one.value - other.value, float(np.hypot(one.high - one.value, other.high - other.value))
    return Interval(value, value - half, value + half)


def _multiple(one: Motion, other: Motion) -> int | None:
    pair = (one.numbers.get("frequency_hz"), other.numbers.get("frequency_hz"))
    if pair[0] is None or pair[1] is None:
        return None
    ratio = pair[0].value / pair[1].value
    nearest = max(round(ratio), 1)
    return nearest if nearest in MULTIPLES and abs(ratio / nearest - 1) <= IN_TUNE else None


def _direction(one: Oscillation, other: Oscillation, multiple: int) -> Complex:
    """Return the mean of exp(2 i phase), shape (...,)."""
    turn = 2 * np.pi * (one.carrier_hz - multiple * other.carrier_hz) * one.times
    phase = np.angle(one.amplitude) - multiple * np.angle(other.amplitude) + turn
    weight = _loud(one) * _loud(other)
    total = np.maximum(weight.sum(axis=-1), 1e-12)
    return np.asarray((weight * np.exp(2j * phase)).sum(axis=-1) / total)


def _loud(motion: Oscillation) -> Numbers:
    part = motion.envelope / motion.envelope.max(axis=-1, keepdims=True)
    return np.where(part >= LOUD, part, 0)
