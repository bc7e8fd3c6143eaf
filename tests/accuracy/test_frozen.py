"""The second generator of strikes is frozen: the accuracy of onsets was measured on its strikes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.accuracy.modal import modal_strike

SUMMARIES = {
    1: ("2.610 6.618 381.267 2.392 4.406 0.727 1541.185 -0.431"),
    2: (
        "2.394 8.677 401.628 -5.243 4.730 2.294 1606.179 -1.937 "
        "3.965 2.020 810.038 1.111 5.644 2.319 401.173 -1.295"
    ),
}


def summary(seed):
    """Onset in ms, peak, frequency and a moment of each note."""
    truth = modal_strike(seed)
    return [
        value
        for note in truth.notes
        for value in (1e3 * note.onset_s, note.envelope.max(), note.frequency_hz, note.place[400])
    ]


@pytest.mark.parametrize("seed", SUMMARIES)
def test_strikes_are_those_that_onsets_were_measured_on(seed):
    assert_allclose(summary(seed), np.array(SUMMARIES[seed].split(), float), atol=2e-3)


def test_the_envelope_bounds_the_motion_and_begins_at_rest():
    for note in modal_strike(3).notes[1:]:
        assert (np.abs(note.place) <= note.envelope + 1e-9).all()
        assert note.envelope[0] == 0
        assert 0 < note.onset_s < 750 / 15037
