"""How well motion is measured through time: `python -m tests.accuracy.strikes [COUNT]`, some minutes.

No pictures: the rows are what a detector might have said of a known motion (`tests.accuracy.detector`). The
motion is that of two generators: partials that are written down (`tests.accuracy.modal`), which share no
equation with the fit, and the simulator's oscillators. Sympathetic notes are all but the struck one.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np

from medscience.measure.strike import Note, follow
from medscience.simulate.espi.strike import FINE, simulate_strike
from tests.accuracy.detector import detected
from tests.accuracy.modal import RATE_HZ, Moving, Truth, modal_strike

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 60
LOUD = 2.5
"""Rings; a tenth of that is what a detector can see: below, an onset is a matter of extrapolation."""

Pair = tuple[int, Moving | None, Note | None]
"""Number of the true note, 0 for the struck one; the truth; what was found. One of both may be missing."""


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def oscillators_strike(seed: int) -> Truth:
    """Return a strike of the simulator; only notes that a detector could see at all."""
    strike = simulate_strike(seed, 600)
    notes = []
    for number, note in enumerate(strike.notes):
        envelope = strike.amplitude(number)
        omega = 2 * np.pi * note.frequency_hz
        phase = np.unwrap(np.arctan2(-strike.motion.speed[number] / omega, strike.motion.place[number]))
        free = (
            strike.motion.times[1:] > 1 / note.frequency_hz
        )  # while the mallet pushes there is no frequency
        weight = strike.motion.envelope[number, 1:] ** 2 * free
        step = np.diff(strike.motion.times)
        pitch = float((np.diff(phase) / step) @ weight / weight.sum() / (2 * np.pi))
        place = strike.motion.place[number, ::FINE]
        notes.append(Moving(note.dome.ellipse, pitch, place, envelope, strike.onset_s(number)))
    loud = [note for note in notes if note.envelope.max() > 0.5]
    return Truth(loud, strike.blow_s, strike.count)


def pairs(make: Callable[[int], Truth], seeds: range) -> Iterator[Pair]:
    """Yield every true note with what was found of it, and what was found where there is none."""
    for seed in seeds:
        truth = make(seed)
        rows = detected(truth.notes, np.random.default_rng([seed, 0xDE7]))
        left = list(follow(rows, range(truth.frames), 1 / RATE_HZ).notes)
        for number, true in enumerate(truth.notes):
            found = next((note for note in left if _is_at(note, true)), None)
            if found is not None:
                left.remove(found)
            yield number, true, found
        for note in left:
            yield -1, None, note


def _is_at(note: Note, true: Moving) -> bool:
    at = note.trace.ellipse
    return bool(np.hypot(at.x - true.ellipse.x, at.y - true.ellipse.y) < 0.3 * true.ellipse.b)


def report(name: str, found: list[Pair]) -> None:
    """Print what was found, and how far off it is."""
    notes = [(true, note) for number, true, note in found if number > 0]
    struck = [(true, note) for number, true, note in found if number == 0]
    false = sum(number < 0 for number, _, _ in found)
    say(
        f"\n{name}: {len(struck)} strikes, {len(notes)} sympathetic notes, "
        f"{sum(note is not None for _, note in notes)} found, {false} that are none"
    )
    say(f"{'':34}{'notes':>6}{'median':>9}{'90 %':>9}{'bias':>9}{'inside':>8}{'+-':>8}")
    loud = [pair for pair in notes if pair[0].envelope.max() >= LOUD]
    faint = [pair for pair in notes if pair[0].envelope.max() < LOUD]
    _line("onset (ms), sympathetic", notes, "onset_s", lambda true: true.onset_s, 1e3)
    _line(f"  of {LOUD} rings or more", loud, "onset_s", lambda true: true.onset_s, 1e3)
    _line("  of fewer", faint, "onset_s", lambda true: true.onset_s, 1e3)
    _line("onset (ms), struck", struck, "onset_s", lambda true: true.onset_s, 1e3)
    _line("frequency (Hz), sympathetic", notes, "frequency_hz", lambda true: true.frequency_hz)
    _line("frequency (Hz), struck", struck, "frequency_hz", lambda true: true.frequency_hz)
    _line("peak (rings)", [*notes, *struck], "peak_rings", lambda true: true.envelope.max())


def _line(name: str, those: list, column: str, truth: Callable[[Moving], float], scale: float = 1.0) -> None:
    measured = [
        (note.motion.numbers[column], truth(true))
        for true, note in those
        if note is not None and note.motion and column in note.motion.numbers
    ]
    if not measured:
        say(f"{name:34}{0:6}")
        return
    error = scale * np.array([found.value - true for found, true in measured])
    inside = np.mean([found.low <= true <= found.high for found, true in measured])
    half = scale * np.median([found.high - found.value for found, _ in measured])
    numbers = (np.median(np.abs(error)), np.quantile(np.abs(error), 0.9), np.median(error))
    say(f"{name:34}{len(error):6}" + "".join(f"{n:9.3f}" for n in numbers) + f"{inside:8.2f}{half:8.2f}")


if __name__ == "__main__":
    report("partials written down", list(pairs(modal_strike, range(1, COUNT + 1))))
    report("the simulator's oscillators", list(pairs(oscillators_strike, range(1, COUNT // 2 + 1))))
