"""The simulator is frozen: networks are trained on its frames and measured on others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.simulate.espi.published import published_shots
from medscience.simulate.espi.shots import drawn_shots
from medscience.simulate.espi.strike import simulate_strike

FRAMES = {
    "drawn_shots": (
        "42.46 28.5 39.03 21.78 50.85 30.98 38.85 38.66 29.54 30.19 25.16 20.4 317.61 83.76 "
        "151.48 1.52 60.39 26.13 85.61 0.95 433.51 44.31 84.1 2.19 29.33 60.72 87.23 4.11 345.8 "
        "37.27 142.1 4.44 106.15 36.98 4.1 0.71"
    ),
    "published_shots": (
        "51.57 49.25 48.51 50.19 59.59 49.8 48.59 48.92 51.97 53.29 55 54.08 181 72 42 1 247 87 8 "
        "1 373 107 114 1 64 54 153 1"
    ),
}
ONSETS = {
    1: "0.7806 1.1693 0.7861 1.3832",
    9001: "2.1992 4.1239 4.0853 2.3966",
}


def summary(shot):
    """Truth, and the mean of 12 parts of the frame: processors differ in the last bit of a pixel."""
    parts = shot.frame.reshape(3, 128, 4, 128).mean(axis=(1, 3)).ravel()
    truth = [
        value
        for antinode in shot.antinodes
        for value in (antinode.ellipse.x, antinode.ellipse.a, antinode.ellipse.angle, antinode.rings)
    ]
    return np.round([*parts, *truth], 2)


@pytest.mark.parametrize("source", [drawn_shots, published_shots], ids=lambda source: source.__name__)
def test_frames_are_those_that_networks_were_trained_on(source):
    """Frames that are meant to change need new weights."""
    shots = source(2026)
    next(shots)
    assert_allclose(summary(next(shots)), np.array(FRAMES[source.__name__].split(), float), atol=0.3)


@pytest.mark.parametrize("seed", [1, 9001])
def test_strikes_are_those_that_onsets_were_measured_on(seed):
    strike = simulate_strike(seed, 300)
    found = [strike.onset_s(number) * 1e3 for number in range(len(strike.notes))]
    assert_allclose(found, np.array(ONSETS[seed].split(), float), atol=2e-3)
