"""Fringes: one ring is lambda / (cos + cos), the node is dark, motion takes contrast away as sinc says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.simulate.espi.optics import Interferometer, fringes, fringes_of_many_periods


def test_one_ring_is_half_a_wavelength_at_normal_incidence():
    assert Interferometer(532.0).ring_um == pytest.approx(0.266)
    assert Interferometer(532.0, 60.0, 60.0).ring_um == pytest.approx(0.532)


def test_the_node_is_dark_and_rings_are_dark_again_at_whole_numbers():
    rings = np.arange(0, 12, 0.5)
    assert_allclose(fringes(rings, np.zeros(24)), [0, 2] * 12, atol=1e-9)


@pytest.mark.parametrize("swept", [0.0, 0.2, 0.7, 1.0, 1.6])
def test_visibility_is_the_sinc_of_half_the_phase_that_passes_during_the_exposure(swept):
    """Against the mean of many instants, which knows no formula."""
    rings = np.linspace(0, 3, 301)
    instants = np.linspace(-0.5, 0.5, 4001)
    mean = 1 - np.cos(2 * np.pi * (rings[:, None] + swept * instants)).mean(axis=1)
    shown = fringes(rings, np.full(301, swept))
    assert_allclose(shown, mean, atol=2e-3)
    visibility = (shown.max() - shown.min()) / (shown.max() + shown.min())
    assert visibility == pytest.approx(abs(np.sinc(swept)), abs=1e-3)


def test_exposures_of_many_periods_show_bessel_fringes():
    """Against the mean of many instants of an oscillation."""
    amplitude = np.linspace(0, 5, 101)
    instants = np.sin(np.linspace(0, 2 * np.pi, 4000, endpoint=False))
    mean = 1 - np.cos(2 * np.pi * amplitude[:, None] * instants).mean(axis=1)
    assert_allclose(fringes_of_many_periods(amplitude), mean, atol=1e-6)
