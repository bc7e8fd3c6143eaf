"""Streaks that are made, and found."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medscience.measure.streaks import gantry_step, rotational_score, streak_index
from medscience.simulate.thorax.canvas import upright

GRID = upright((2, 48, 48), 2.0)
INSIDE = np.ones(GRID.shape, bool)


def turning(step_deg, phases=6):
    """Phases of the same streaks, each turned by a step about the middle, from the right to the front."""
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    x, y, _ = np.moveaxis(GRID.world(index), -1, 0)
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    random = np.random.default_rng(2)
    lines = [(random.uniform(0, 2 * np.pi), random.uniform(-20, 20)) for _ in range(9)]
    return np.stack(
        [
            sum(
                np.exp(-(((radius * np.cos(angle - np.deg2rad(step_deg * phase) - a)) - d) ** 2) / 18)
                for a, d in lines
            )
            for phase in range(phases)
        ]
    )


def test_streaks_that_turn_are_told_by_their_step_and_its_sense():
    inside = INSIDE & (np.hypot(*np.meshgrid(*[np.arange(48) - 23.5] * 2)) < 22)
    errors = turning(60.0)  # six of which are a circle
    scores = {step: rotational_score(errors, 0 * errors, inside, GRID, step) for step in (60, -60, 30, 0)}
    assert scores[60] > 0.97
    assert max(scores[-60], scores[30], scores[0]) < 0.6


def test_noise_foretells_nothing():
    errors = np.random.default_rng(0).standard_normal((5, *GRID.shape))
    assert abs(rotational_score(errors, 0 * errors, INSIDE, GRID, 12.0)) < 0.05


def test_the_index_is_the_slope_of_the_error():
    x = np.arange(48.0) * 2.0
    truth = np.random.default_rng(0).standard_normal((1, *GRID.shape))
    assert streak_index(truth + 3 * x, truth, INSIDE, GRID).tolist() == pytest.approx([3.0])
    assert streak_index(truth + 500, truth, INSIDE, GRID).tolist() == pytest.approx([0.0])


def test_streaks_count_and_blur_hardly():
    truth = np.zeros((1, *GRID.shape))
    truth[:, :, 14:34, 14:34] = 100
    blurred = gaussian_filter(truth, (0, 0, 1, 1))
    streaky = truth + 100 * turning(0, 1)
    index = [streak_index(one, truth, INSIDE, GRID)[0] for one in (blurred, streaky)]
    assert index[1] > 3 * index[0]


def test_the_step_is_the_gantry_s_way_in_a_breath_by_the_number_of_phases():
    gantry = (200 + np.arange(680) * 360 / 680) % 360
    phase = (np.arange(680) / 680 * 15) % 1
    assert gantry_step(gantry, phase, 10) == pytest.approx(360 / 150, rel=1e-6)
    assert gantry_step(gantry[::-1], phase, 10) == pytest.approx(-360 / 150, rel=1e-6)
