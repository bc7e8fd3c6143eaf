"""|d| becomes d again, and a bad start of the signs does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medscience.measure.unfold import Rings, expected, frequency_hz, unfold
from tests.measure.made import LEFT, OCTAVE, RATE, STRUCK, STRUCK_S, Known, times_of


def rings_of(place, limit=0.25, error=0.08):
    size = np.abs(place)
    seen = size >= limit
    return Rings(
        1 / RATE,
        np.where(seen, size, 0),
        np.full(len(place), error),
        seen,
        np.ones(len(place), dtype=bool),
        limit,
    )


@pytest.mark.parametrize("note", [STRUCK, OCTAVE], ids=["struck", "octave"])
def test_the_signed_motion_comes_back(note):
    true = note.place(times_of())
    found = unfold(rings_of(true), STRUCK_S)
    sign = np.sign(found.place @ true)
    late = times_of() > STRUCK_S + 2e-3
    assert np.abs(sign * found.place - true)[late].max() < 0.15
    assert np.abs(found.envelope - note.envelope(times_of()))[late].max() < 0.15


@settings(max_examples=20, deadline=None)
@given(frequency=st.floats(120, 2000), rings=st.floats(1.0, 11), phase=st.floats(0, 6.28))
def test_the_frequency_is_found_from_120_hertz_to_an_eighth_of_the_frame_rate(frequency, rings, phase):
    note = Known(LEFT, frequency, rings, decay_per_s=10.0, phase=phase)
    found = unfold(rings_of(note.place(times_of())), STRUCK_S)
    assert frequency_hz(found) == pytest.approx(frequency, rel=0.012)


def test_a_beat_that_passes_zero_keeps_its_frequency():
    times = times_of(frames=900)
    place = 3 * np.sin(2 * np.pi * 25 * times) * np.cos(2 * np.pi * 500 * times)
    found = unfold(rings_of(place))
    assert frequency_hz(found) == pytest.approx(500, rel=0.005)
    off = np.abs(found.envelope - np.abs(3 * np.sin(2 * np.pi * 25 * times)))[50:-50]
    assert np.median(off) < 0.05
    assert off.max() < 0.7  # where it passes zero nothing is seen


def test_frames_in_which_nothing_was_found_do_not_pull_the_envelope_down():
    """With 0.4 rings half of all frames are below the limit; the others tell the amplitude all the same."""
    times = times_of()
    found = unfold(rings_of(0.4 * np.cos(2 * np.pi * 440 * times)))
    assert np.abs(found.envelope - 0.4)[60:-60].max() < 0.04


def test_missed_frames_of_a_loud_note_count_for_nothing():
    place = 5 * np.cos(2 * np.pi * 300 * times_of())
    whole = rings_of(place)
    gaps = np.random.default_rng(1).random(len(place)) < 0.1
    holed = Rings(
        whole.step_s, whole.values * ~gaps, whole.error, whole.seen & ~gaps, whole.taken, whole.limit
    )
    assert np.abs(unfold(holed).envelope - 5)[60:-60].max() < 0.1
    _, weight = expected(holed, place)
    assert (weight[gaps & (np.abs(place) > 1)] < 1e-6).all()


def test_lost_frames_weigh_nothing_and_those_below_the_limit_little():
    fit = np.zeros(4)
    taken = np.array([True, True, False, True])
    seen = np.array([True, False, False, False])
    rings = Rings(1e-3, np.array([0.3, 0, 0, 0]), np.full(4, 0.1), seen, taken, 0.25)
    _, weight = expected(rings, fit)
    assert weight[2] == 0
    assert 0 < weight[1] < 0.5 / 0.1**2


def test_an_outlier_of_a_ring_moves_nothing():
    place = STRUCK.place(times_of())
    clean = rings_of(place)
    wrong = clean.values.copy()
    wrong[np.flatnonzero(clean.seen)[50::40]] += 1.0
    bent = Rings(clean.step_s, wrong, clean.error, clean.seen, clean.taken, clean.limit)
    late = times_of() > STRUCK_S + 2e-3
    change = np.abs(unfold(bent, STRUCK_S).envelope - unfold(clean, STRUCK_S).envelope)[late]
    assert change.max() < 0.3
    assert np.median(change) < 0.02


def test_without_a_line_in_the_squares_there_is_no_motion():
    rings = rings_of(np.full(450, 2.0))
    assert unfold(rings) is None
