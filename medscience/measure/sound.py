"""The sound of a strike beside its movement: the same notes, heard."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from medscience.measure.onset import PART, crossing
from medscience.measure.strike import Strike

Samples = NDArray[np.float64]

BAND = 0.03
"""A note is listened for within this part of its frequency."""
FAINT = 0.02
"""A peak below this part of the spectrum's greatest is not taken for a note."""
BLOW_S = 0.3e-3
"""Over so long the loudness is smoothed in which the blow is looked for."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A note in the sound; None where it is not heard."""

    frequency_hz: float | None
    onset_s: float | None
    """When its envelope reaches 10 % of its maximum, to about a period, from the first frame."""


@dataclass(frozen=True, slots=True)
class Listening:
    """All notes in the sound, and how its clock stands to that of the frames."""

    notes: dict[int, Heard]
    """By their places in the strike."""
    offset_s: float
    """Time of the sound's first sample, from the first frame: the blow is heard when it is seen. The way of
    the sound through the air, 2.9 ms a metre, is in it."""


def listen(strike: Strike, samples: Samples, rate_hz: float) -> Listening | None:
    """Return the notes of a strike in its sound; None where the blow is not seen, or nothing is heard.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        One channel.
    rate_hz : float
        Of the samples.
    """
    if strike.blow_s is None or not np.ptp(samples):
        return None
    loudness = gaussian_filter1d((samples - np.median(samples)) ** 2, BLOW_S * rate_hz)
    times = np.arange(len(samples)) / rate_hz
    begins = crossing(times, np.sqrt(loudness), PART * float(np.sqrt(loudness.max())))
    offset = strike.blow_s - begins
    notes = {
        number: _heard(samples, rate_hz, note.motion.numbers["frequency_hz"].value, offset)
        for number, note in enumerate(strike.notes)
        if note.motion and "frequency_hz" in note.motion.numbers
    }
    return Listening(notes, offset)


def _heard(samples: Samples, rate_hz: float, frequency: float, offset: float) -> Heard:
    size = 4 * len(samples)
    power = np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples)), size))
    places = np.fft.rfftfreq(size, 1 / rate_hz)
    near = np.flatnonzero(np.abs(places - frequency) <= BAND * frequency)
    if not len(near):
        return Heard(None, None)
    peak = int(near[np.argmax(power[near])])
    if peak in (near[0], near[-1]) or power[peak] < FAINT * power.max():
        return Heard(None, None)
    found = float(places[peak])
    times = np.arange(len(samples)) / rate_hz
    beside = (samples - samples.mean()) * np.exp(-2j * np.pi * found * times)
    wide = 0.5 * rate_hz / found
    envelope = np.abs(gaussian_filter1d(beside.real, wide) + 1j * gaussian_filter1d(beside.imag, wide))
    return Heard(found, crossing(times, envelope, PART * float(envelope.max())) + offset)
