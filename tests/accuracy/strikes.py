"""How well motion is measured through time, on strikes that a detector might have seen: `python -m`."""

import sys

import numpy as np

from medscience.measure.strike import follow
from medscience.simulate.espi.strike import simulate_strike
from tests.accuracy.detector import detected
from tests.accuracy.modal import RATE_HZ, Moving, Truth, modal_strike


def ode_strike(seed, frames=600):
    strike = simulate_strike(seed, frames)
    notes = [
        Moving(n.dome.ellipse, n.frequency_hz, strike.motion.place[k, ::4], strike.amplitude(k), strike.onset_s(k))
        for k, n in enumerate(strike.notes)
    ]
    return Truth(notes, strike.blow_s, frames)


def rows(make, seeds):
    """Yield a row for each true note and for each note that is none."""
    for seed in seeds:
        truth = make(seed)
        strike = follow(detected(truth.notes, np.random.default_rng([seed, 0xDE7])), range(truth.frames), 1 / RATE_HZ)
        left = list(strike.notes)
        for number, true in enumerate(truth.notes):
            found = next((note for note in left if _same(note, true)), None)
            if found:
                left.remove(found)
            yield seed, number, true, found
        for note in left:
            yield seed, -1, None, note


def _same(note, true):
    at = note.track.ellipse
    return np.hypot(at.x - true.ellipse.x, at.y - true.ellipse.y) < 0.3 * true.ellipse.b


def summary(name, make, seeds):
    found = list(rows(make, seeds))
    answering = [(true, note) for _, number, true, note in found if number > 0]
    moving = [(t, n.motion.numbers) for t, n in answering if n and n.motion]
    timed = [(t, n["onset_s"]) for t, n in moving if "onset_s" in n]
    error = np.array([1e3 * (n.value - t.onset_s) for t, n in timed])
    inside = np.mean([n.low <= t.onset_s <= n.high for t, n in timed])
    wide = np.median([1e3 * (n.high - n.low) for t, n in timed])
    peak = [n["peak_rings"].value / t.envelope.max() - 1 for t, n in moving if "peak_rings" in n]
    pitch = [n["frequency_hz"].value - t.frequency_hz for t, n in moving if "frequency_hz" in n]
    false = sum(number < 0 for _, number, _, _ in found)
    print(name, 'notes', len(answering), 'found', sum(n is not None for _, n in answering), 'timed', len(timed), 'false', false)
    print('  onset ms median', np.median(abs(error)).round(3), '90%', np.quantile(abs(error), .9).round(3), 'bias', np.median(error).round(3), 'inside', inside.round(3), 'width', wide.round(3))
    print('  peak rel median', np.median(np.abs(peak)).round(4), 'freq Hz', np.median(np.abs(pitch)).round(3))
    struck = [(t, n.motion.numbers) for _, number, t, n in found if number == 0 and n and n.motion]
    print('  struck onset', np.median([abs(1e3 * (n['onset_s'].value - t.onset_s)) for t, n in struck if 'onset_s' in n]).round(3), len(struck), 'freq', np.median([abs(n['frequency_hz'].value-t.frequency_hz) for t,n in struck]).round(3))
    return found


if __name__ == "__main__":
    summary("modal", modal_strike, range(1, 31))
    summary("ode", ode_strike, range(1, 13))
