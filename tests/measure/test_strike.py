"""From detections to notes: known truth, and what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.errors import InputError
from medscience.measure.lags import lag
from medscience.measure.strike import follow
from tests.measure.made import (
    FRAMES,
    LEFT,
    OCTAVE,
    RATE,
    RIGHT,
    STRUCK,
    STRUCK_S,
    Known,
    detections_of,
    from_rows,
    rows_of,
    same,
    times_of,
)

STEPS = list(range(FRAMES))


@pytest.fixture(scope="module")
def strike():
    return follow(detections_of(STRUCK, OCTAVE, noise=0.08), STEPS, 1 / RATE)


def onset_of(note):
    times = np.arange(0, FRAMES / RATE, 1e-6)
    envelope = note.envelope(times)
    return times[np.argmax(envelope >= 0.1 * envelope.max())]


def test_the_truth_lies_near_and_mostly_inside_the_intervals(strike):
    assert [note.trace.ellipse.a for note in strike.notes] == [LEFT.a, RIGHT.a]
    assert strike.blow_s == pytest.approx(STRUCK_S, abs=0.3e-3)
    inside = []
    for note, true in zip(strike.notes, (STRUCK, OCTAVE), strict=True):
        numbers = note.motion.numbers
        truth = {
            "frequency_hz": true.frequency_hz,
            "onset_s": onset_of(true),
            "peak_rings": true.envelope(times_of()).max(),
        }
        assert numbers["frequency_hz"].value == pytest.approx(truth["frequency_hz"], abs=1.5)
        assert numbers["onset_s"].value == pytest.approx(truth["onset_s"], abs=0.5e-3)
        assert numbers["peak_rings"].value == pytest.approx(truth["peak_rings"], rel=0.06)
        inside += [numbers[name].low <= value <= numbers[name].high for name, value in truth.items()]
    assert sum(inside) >= 4  # 90 % of many: `python -m tests.accuracy.strikes`
    assert strike.notes[0].motion.numbers["decay_per_s"].value == pytest.approx(12, abs=2)
    assert strike.limit == pytest.approx(0.25, abs=0.12)


def test_an_interval_is_wider_where_counts_are_less_sure(strike):
    worse = follow(detections_of(STRUCK, OCTAVE, noise=0.15, seed=1), STEPS, 1 / RATE)
    for name in ("frequency_hz", "onset_s", "peak_rings"):
        one, other = (s.notes[1].motion.numbers[name] for s in (strike, worse))
        assert other.high - other.low > one.high - one.low


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_the_rows_changes_no_number(strike, seed):
    rows = rows_of(detections_of(STRUCK, OCTAVE, noise=0.08))
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    assert same(follow(from_rows(shuffled), STEPS, 1 / RATE), strike)


def test_a_recording_that_begins_later_has_all_times_later(strike):
    late = 60
    rows = rows_of(detections_of(STRUCK, OCTAVE, noise=0.08))
    rows[:, 0] += late
    moved = follow(from_rows(rows), range(FRAMES + late), 1 / RATE)
    assert moved.blow_s - strike.blow_s == pytest.approx(late / RATE)
    for one, other in zip(strike.notes, moved.notes, strict=True):
        for name, scale in (("onset_s", 1), ("peak_s", 1)):
            shift = other.motion.numbers[name].value - one.motion.numbers[name].value
            assert shift == pytest.approx(scale * late / RATE, abs=0.15e-3)
        assert other.motion.numbers["frequency_hz"].value == pytest.approx(
            one.motion.numbers["frequency_hz"].value, abs=0.3
        )


@pytest.mark.parametrize("slower", [0.5, 2.0])
def test_a_frame_rate_scales_times_and_frequencies(strike, slower):
    """The same counts at another rate: everything takes so much longer."""
    scaled = follow(detections_of(STRUCK, OCTAVE, noise=0.08), STEPS, slower / RATE)
    one, other = strike.notes[1].motion.numbers, scaled.notes[1].motion.numbers
    assert other["frequency_hz"].value * slower == pytest.approx(one["frequency_hz"].value, rel=2e-3)
    assert other["peak_rings"].value == pytest.approx(one["peak_rings"].value, rel=0.05)
    assert other["onset_s"].value / slower == pytest.approx(one["onset_s"].value, abs=0.6e-3)


def test_half_the_frames_of_a_slow_note_say_the_same(strike):
    times = times_of(RATE / 2, FRAMES // 2)
    half = follow(detections_of(STRUCK, OCTAVE, times=times, noise=0.08), range(FRAMES // 2), 2 / RATE)
    one, other = strike.notes[1].motion.numbers, half.notes[1].motion.numbers
    assert other["frequency_hz"].value == pytest.approx(one["frequency_hz"].value, abs=2)
    assert other["onset_s"].value == pytest.approx(one["onset_s"].value, abs=0.8e-3)


def test_lost_frames_leave_a_gap_and_shift_nothing(strike):
    lost = {100, 101, 102, 200}
    rows = rows_of(detections_of(STRUCK, OCTAVE, noise=0.08))
    rows = rows[~np.isin(rows[:, 0], list(lost))]
    kept = [frame for frame in STEPS if frame not in lost]
    rows[:, 0] = np.searchsorted(kept, rows[:, 0])
    holed = follow(from_rows(rows), kept, 1 / RATE)
    for one, other in zip(strike.notes, holed.notes, strict=True):
        assert not other.rings.taken[sorted(lost)].any()
        for name, close in (("frequency_hz", 0.5), ("onset_s", 0.1e-3), ("peak_rings", 0.2)):
            assert other.motion.numbers[name].value == pytest.approx(
                one.motion.numbers[name].value, abs=close
            )


def test_a_recording_that_begins_in_motion_has_no_blow_and_no_onset():
    rows = rows_of(detections_of(STRUCK, noise=0.08))
    rows = rows[rows[:, 0] >= 60]
    rows[:, 0] -= 60
    moving = follow(from_rows(rows), range(FRAMES - 60), 1 / RATE)
    assert moving.blow_s is None
    assert "onset_s" not in moving.notes[0].motion.numbers
    assert moving.notes[0].motion.numbers["frequency_hz"].value == pytest.approx(220, abs=1.5)


def test_a_note_that_is_hardly_seen_keeps_its_place_only():
    rows = rows_of(detections_of(STRUCK, OCTAVE, noise=0.08))
    at_right = rows[:, 1] > 230
    rows = np.concatenate([rows[~at_right], rows[at_right][:15]])
    strike = follow(from_rows(rows), STEPS, 1 / RATE)
    assert [note.motion is None for note in strike.notes] == [False, True]
    assert len(strike.notes[1].trace.rows) == 15


def test_nothing_detected_is_no_note():
    strike = follow(from_rows(np.zeros((0, 10))), STEPS, 1 / RATE)
    assert (strike.notes, strike.blow_s, strike.unlinked) == ((), None, 0)


def test_a_frame_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"FOLLOW-FRAME .*300"):
        follow(detections_of(STRUCK), STEPS[:300], 1 / RATE)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), frames=st.integers(1, 140))
def test_nonsense_is_followed_without_a_complaint(seed, frames):
    """Spots that come and go at random, with any counts: whatever is said of them is finite and in order."""
    random = np.random.default_rng(seed)
    rows = [
        [frame, *random.normal(at, 1, 2), 30, 20, 0, rings, rings * 0.9, rings * 1.1, random.random()]
        for at in random.uniform(50, 300, (3, 2))
        for frame in np.flatnonzero(random.random(frames) < random.random())
        for rings in [random.gamma(2) * random.choice([0, 1, 1, 5])]
    ]
    found = follow(from_rows(np.array(rows).reshape(-1, 10)), range(frames), 1 / RATE)
    for note in found.notes:
        for interval in note.motion.numbers.values() if note.motion else []:
            assert interval.low <= interval.value <= interval.high
            assert np.isfinite([interval.low, interval.high]).all()


@pytest.mark.parametrize(("multiple", "degrees"), [(1, 0.0), (1, 75.0), (2, 40.0), (3, 100.0)])
def test_a_phase_lag_is_found_modulo_half_a_turn(multiple, degrees):
    """φ of the note less the multiple of φ of the struck one, at equal frequency their phase lag."""
    phase = multiple * STRUCK.phase + np.radians(degrees)
    other = Known(RIGHT, multiple * 220.0, 3.0, rise_s=5e-3, decay_per_s=10.0, phase=phase)
    struck, note = follow(detections_of(STRUCK, other, noise=0.05), STEPS, 1 / RATE).notes
    found = lag(note, struck)
    assert found.multiple == multiple
    off = (found.phase_deg.value - degrees + 90) % 180 - 90
    assert abs(off) < 12
    assert found.steadiness > 0.95
    assert_allclose(found.envelope_s.value, onset_of(other) - onset_of(STRUCK), atol=0.6e-3)


def test_notes_out_of_tune_have_an_envelope_lag_but_no_phase():
    other = Known(RIGHT, 311.0, 3.0, rise_s=5e-3)
    struck, note = follow(detections_of(STRUCK, other, noise=0.05), STEPS, 1 / RATE).notes
    found = lag(note, struck)
    assert (found.multiple, found.phase_deg) == (None, None)
    assert found.envelope_s is not None
