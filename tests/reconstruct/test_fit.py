"""Phases that are fitted to the views: laws of the operators, motion that was lost, and rest."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.reconstruct.fdk import Scanned
from medscience.reconstruct.fit import Breath, Fit, fit, nearer, neighbours, smoothed
from medscience.reconstruct.patient import iec_grid, patient_grid
from medscience.reconstruct.project import detector_grid, line_integrals, spread_back
from medscience.views import Views

WATER = 0.02
VIEWS = Views.circle(np.arange(0, 360, 5.0), 1000, 1500)
DETECTOR = detector_grid((8, 36), (8.0, 8.0))
"""All its rays leave the image at its sides."""
GRID = iec_grid(patient_grid("HFS", (12, 32, 32), (6.0, 6.0, 6.0)), "HFS")[0]
PHASES = np.mod(np.arange(len(VIEWS)) * 0.37, 1)
COUNT = 4


def body(at):
    """A cylinder of water along IEC's y, with a ball in it that is moved by millimetres across."""
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    x, y, z = np.moveaxis(GRID.world(index), -1, 0)
    found = np.where((x / 70) ** 2 + (z / 60) ** 2 < 1, WATER, 0.0)
    found += WATER / (1 + np.exp(np.sqrt((x - at) ** 2 + y**2 + z**2) - 20))
    return found.astype(np.float32)


def where(phase):
    return 15 * np.cos(2 * np.pi * phase)


@pytest.fixture(scope="module")
def truth():
    return np.stack([body(where(b / COUNT)) for b in range(COUNT)])


@pytest.fixture(scope="module")
def breath(truth):
    """A scan that sees at each view what lies between two phase images."""
    blank = Scanned(
        VIEWS, DETECTOR, lambda numbers: np.zeros((len(numbers), *DETECTOR.shape[1:]), np.float32)
    )
    unseen = Breath(blank, GRID, tuple(neighbours(PHASES, COUNT)))
    stack = np.zeros((len(VIEWS), *DETECTOR.shape[1:]), np.float32)
    for some in unseen.views:
        seen = (
            line_integrals(truth[b], GRID, VIEWS.take(some.numbers), DETECTOR)
            for b in (some.below, some.after)
        )
        before, after = seen
        stack[some.numbers] = (1 - some.share) * before + some.share * after
    return replace(unseen, scan=Scanned(VIEWS, DETECTOR, lambda numbers: stack[numbers]))


def error(found, truth):
    return float(np.sqrt(((found - truth) ** 2).mean()))


def kept(found, truth):
    """The part of the true motion that is there."""
    one, other = (phases - phases.mean(axis=0) for phases in (found, truth))
    return float((one * other).sum() / (other * other).sum())


def less_moved(truth, part):
    """What a network that is not sure answers: the motion, but less of it."""
    mean = truth.mean(axis=0)
    return np.asarray(mean + part * (truth - mean), np.float32)


def test_spreading_back_is_the_adjoint_of_line_integrals():
    random = np.random.default_rng(0)
    volume = random.random(GRID.shape, np.float32)
    lines = random.random((len(VIEWS), *DETECTOR.shape[1:]), np.float32)
    seen, back = line_integrals(volume, GRID, VIEWS, DETECTOR), spread_back(lines, GRID, VIEWS, DETECTOR)
    one, other = (float(np.vdot(a.astype(np.float64), b)) for a, b in ((seen, lines), (volume, back)))
    assert one == pytest.approx(other, rel=1e-3)


def test_every_view_with_a_phase_lies_between_two_images_once():
    phases = np.where(np.arange(200) % 7 == 0, np.nan, np.linspace(0, 0.999, 200))
    views = list(neighbours(phases, 3))
    numbers = np.concatenate([some.numbers for some in views])
    assert sorted(numbers) == np.flatnonzero(np.isfinite(phases)).tolist()
    for some in views:
        assert some.after == (some.below + 1) % 3
        assert_allclose(some.below + some.share[:, 0, 0], 3 * phases[some.numbers], atol=1e-6)


def test_what_explains_every_view_stays(breath, truth):
    assert error(nearer(breath, truth, 4), truth) < 1e-4 * WATER


def test_motion_that_a_network_lost_comes_back_from_the_views(breath, truth):
    begun = less_moved(truth, 0.7)
    found = nearer(breath, begun, 4)
    assert kept(begun, truth) == pytest.approx(0.7)
    assert kept(found, truth) > 0.85
    assert error(found, truth) < 0.6 * error(begun, truth)


def test_each_step_explains_the_views_better(breath, truth):
    begun = less_moved(truth, 0.5)

    found = [breath.normal(nearer(breath, begun, steps) - truth)[1] for steps in range(4)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.1 * found[0]


def test_a_fit_keeps_the_grid(breath, truth):
    begun = less_moved(truth, 0.7)
    found = fit(breath.scan, PHASES, GRID, begun, Fit(space=1e-6, rounds=1))
    assert found.shape == begun.shape
    assert kept(found, truth) > kept(begun, truth) + 0.1


def test_smoothing_takes_noise_and_leaves_what_is_flat():
    noisy = body(0) + np.random.default_rng(1).normal(0, 0.1 * WATER, GRID.shape).astype(np.float32)
    quiet = smoothed(noisy, GRID, 5e-3)
    assert error(quiet, body(0)) < 0.7 * error(noisy, body(0))
    flat = np.full(GRID.shape, WATER, np.float32)
    assert_allclose(smoothed(flat, GRID, 5e-3), flat, rtol=1e-4)
