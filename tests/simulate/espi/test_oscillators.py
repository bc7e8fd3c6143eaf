"""Coupled oscillators against what theory says of two of them, and against the exact solution of many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm

from medscience.simulate.espi.oscillators import Oscillators

RATE = 60_000.0


def pair(beat, decay=0.0, detuned=0.0):
    """Two oscillators at 600 Hz, coupled."""
    frequency = np.array([600.0, 600.0 + detuned])
    coupling = np.array([[0, beat], [beat, 0]])
    return Oscillators(frequency, np.full(2, decay), coupling, np.zeros((2, 2)))


def hit(oscillators, seconds, contact=2e-4):
    times = np.arange(-0.001, seconds, 1 / RATE)
    n = len(oscillators.frequency_hz)
    return oscillators.strike(np.eye(n)[0], contact, times)


@pytest.mark.parametrize("beat", [5.0, 10.0, 20.0])
def test_two_in_tune_hand_over_all_energy_in_half_a_beat(beat):
    motion = hit(pair(beat), 1.05 / beat)
    seconds = motion.times[motion.envelope[1].argmax()]
    assert seconds == pytest.approx(0.5 / beat, rel=0.05)
    at = np.searchsorted(motion.times, 0.5 / beat)
    assert motion.envelope[0, at] < 0.06 * motion.envelope[0].max()
    assert motion.envelope[1].max() == pytest.approx(motion.envelope[0].max(), rel=0.03)


def test_the_sympathetic_note_starts_later_and_the_more_so_the_looser_it_is_coupled():
    """Its envelope is |sin(π beat t)|: 10 % of its maximum is reached at arcsin(0.1) / (π beat)."""
    delays = []
    for beat in (3.0, 6.0, 12.0):
        motion = hit(pair(beat), 0.6 / beat)
        delays.append(motion.onset(1))
        assert motion.onset(1) > motion.onset(0) + 1e-3
        wanted = np.arcsin(0.1) / (np.pi * beat)
        assert motion.onset(1) == pytest.approx(wanted, abs=0.4e-3)  # a quarter period of 600 Hz
    assert delays == sorted(delays, reverse=True)


def test_detuned_oscillators_beat_faster_and_exchange_less():
    """Frequency sqrt(beat² + detuning²), maximum beat / that (Rabi's formula, for slow beats)."""
    motion = hit(pair(8.0, detuned=15.0), 0.2)
    faster = np.hypot(8.0, 15.0)
    assert motion.times[motion.envelope[1].argmax()] % (1 / faster) == pytest.approx(0.5 / faster, abs=2e-3)
    assert motion.envelope[1].max() / motion.envelope[0].max() == pytest.approx(8.0 / faster, rel=0.06)


def test_energy_decays_as_damping_says_and_never_grows():
    oscillators = pair(10.0, decay=12.0)
    motion = hit(oscillators, 0.2)
    energy = oscillators.energy(motion)[motion.times > 1e-3]
    periods = energy[:: int(RATE / 600)]
    assert (np.diff(periods) < 0).all()
    times = motion.times[motion.times > 1e-3]
    assert energy[-1] / energy[0] == pytest.approx(np.exp(-2 * 12.0 * (times[-1] - times[0])), rel=0.02)


def test_motion_is_the_exact_solution_of_the_linear_equations():
    """Against the matrix exponential, from the end of the blow."""
    random = np.random.default_rng(3)
    n = 4
    loose = random.uniform(0, 10, (n, n))
    beat = np.triu(loose, 1) + np.triu(loose, 1).T
    oscillators = Oscillators(random.uniform(200, 900, n), random.uniform(2, 20, n), beat, np.zeros((n, n)))
    motion = hit(oscillators, 0.03)
    start, end = np.searchsorted(motion.times, [3e-4, 0.0299])
    omega = 2 * np.pi * oscillators.frequency_hz
    matrix = np.block(
        [
            [np.zeros((n, n)), np.eye(n)],
            [oscillators.coupling - np.diag(omega**2), -2 * np.diag(oscillators.decay_per_s)],
        ]
    )
    state = np.concatenate([motion.place[:, start], motion.speed[:, start]])
    later = expm(matrix * (motion.times[end] - motion.times[start])) @ state
    assert_allclose(motion.place[:, end], later[:n], atol=1e-4 * np.abs(motion.place).max())


def test_quadratic_stiffness_drives_the_octave_only():
    """x² of a note at f pushes at 2 f: its octave answers, a note off the octave hardly."""
    heights = []
    for other in (600.0, 700.0):
        quadratic = np.array([[0, 0], [0.05, 0]])
        oscillators = Oscillators(np.array([300.0, other]), np.full(2, 8.0), np.zeros((2, 2)), quadratic)
        heights.append(hit(oscillators, 0.1).envelope[1].max())
    assert heights[0] > 5 * heights[1]


def test_all_is_at_rest_before_the_blow():
    motion = hit(pair(5.0), 0.01)
    assert not motion.place[:, motion.times <= 0].any()
    assert motion.place[:, motion.times > 1e-3].any()
