"""Whole strikes: truth, frames and faults of one recording belong together."""

import hashlib
from itertools import islice

import numpy as np
import pytest

from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.strike import FINE, simulate_strike
from medscience.simulate.espi.truth import frame_rows, note_rows

SEEDS = range(8)


@pytest.fixture(scope="module")
def strikes():
    """A few strikes, without their frames."""
    return [simulate_strike(seed, 400) for seed in SEEDS]


def digest(frames):
    """Of a few frames around the blow."""
    return hashlib.sha256(b"".join(frame.tobytes() for _, frame in islice(frames, 10))).hexdigest()


def test_the_same_seed_gives_the_same_frames_and_another_seed_others():
    first, again, other = (simulate_strike(seed, 40) for seed in (5, 5, 6))
    assert digest(first.frames()) == digest(again.frames()) != digest(other.frames())
    assert list(frame_rows(first)) == list(frame_rows(again))


def test_the_struck_note_is_first_and_its_octave_answers_later(strikes):
    for strike in strikes:
        struck, octave = strike.onset_s(0), strike.onset_s(1)
        assert strike.blow_s <= struck < strike.blow_s + 0.002
        assert octave > struck
        assert 2 * strike.notes[0].frequency_hz == pytest.approx(strike.notes[1].frequency_hz, rel=0.02)


def test_rings_are_fractions_up_to_eleven(strikes):
    rings = np.concatenate([np.abs(strike.motion.place[0]) for strike in strikes])
    assert 8 < rings.max() <= 11
    assert (rings % 1 > 0.1).any()


def test_frames_move_by_less_than_a_period(strikes):
    """Exposures are no longer than a frame, periods of notes 0.5 to 7 ms."""
    for strike in strikes:
        assert strike.optics.exposure_s <= 66.5e-6
        assert all(1 / 7e-3 <= note.frequency_hz <= 2000 for note in strike.notes)


def test_before_the_blow_nothing_moves_and_afterwards_notes_oscillate_at_their_frequency(strikes):
    for strike in strikes:
        before = int(strike.blow_s * strike.optics.frame_rate_hz)
        assert not strike.rings(before - 1).any()
        place = strike.motion.place[0, (before + 20) * FINE :]
        crossings = np.flatnonzero(np.diff(np.sign(place)))
        half_period = np.diff(crossings).mean() / (FINE * strike.optics.frame_rate_hz)
        assert 0.5 / half_period == pytest.approx(strike.notes[0].frequency_hz, rel=0.06)


def test_the_fringes_of_a_frame_are_those_of_its_truth():
    """In the middle of the struck note, beside its partial, which is at rest there."""
    strike = simulate_strike(1, 200)
    ellipse = strike.notes[0].dome.ellipse
    y, x = round(ellipse.y), round(ellipse.x)
    for frame in (60, 90, 131):
        rings = strike.rings(frame)[0]
        swept = strike.motion.speed[0, frame * FINE] * strike.optics.exposure_s
        wanted = 1 - np.sinc(swept) * np.cos(2 * np.pi * rings)
        assert strike.brightness(frame)[y, x] == pytest.approx(wanted, abs=0.05)


def test_lost_frames_are_left_out_black_ones_are_black_and_the_truth_knows_both():
    lost = next(strike for strike in (simulate_strike(seed, 40) for seed in range(40)) if strike.dropped)
    numbers = [number for number, _ in lost.frames()]
    assert set(range(40)) - set(numbers) == lost.dropped
    rows = [row for row in frame_rows(lost) if row["note"] == "struck"]
    assert [row["stored"] for row in rows if row["stored"] != ""] == list(range(len(numbers)))
    assert {row["frame"] for row in rows if row["stored"] == ""} == lost.dropped
    black = next(strike for strike in (simulate_strike(seed, 40) for seed in range(40)) if strike.blank)
    frames = dict(black.frames())
    assert all(not frames[number].any() for number in black.blank if number in frames)


def test_truth_tables_say_the_same_in_rings_and_micrometres(strikes):
    for strike in strikes[:3]:
        for row in list(frame_rows(strike))[::97]:
            assert abs(row["displacement_um"]) == pytest.approx(
                row["rings"] * strike.optics.ring_um, abs=1e-4
            )
            assert row["envelope_um"] >= abs(row["displacement_um"]) * 0.99 - 1e-4
        notes = list(note_rows(strike))
        assert [row["note"] for row in notes] == [note.name for note in strike.notes]
        assert all(row["strike_s"] <= row["onset_s"] <= row["peak_s"] + 1e-3 for row in notes)


def test_frames_are_sparse_bright_grains_on_black(strikes):
    """Half of the pixels and more are nearly black, few are saturated, light is uneven."""
    for strike in strikes[:4]:
        frames = dict(strike.frames().__next__() for _ in range(1))
        frame = next(iter(frames.values()))
        assert frame.shape == SHAPE
        assert frame.dtype == np.uint8
        assert (frame < 20).mean() > 0.4
        assert (frame == 255).mean() < 0.1


def test_speckle_stays_as_long_as_the_pan_does_and_changes_as_it_drifts():
    """Two frames of the same fringes differ by noise only, those of another light in every grain."""
    camera = simulate_strike(3, 300).camera
    random = np.random.default_rng(0)
    one, again, other = (camera.take(np.full(SHAPE, 1.5), random, drift).ravel() for drift in (0.0, 0.0, 1.0))
    assert np.corrcoef(one, again)[0, 1] > 0.85
    assert np.corrcoef(one, other)[0, 1] < 0.4
