"""How chests move: smoothly, down and out, never through themselves, and each breath in its own way."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import map_coordinates

from medscience.errors import InputError
from medscience.simulate.thorax.breath import Breath
from medscience.simulate.thorax.motion import Motion, motion_of
from medscience.simulate.thorax.person import breathing
from medscience.simulate.thorax.scan import centroid

TIMES = np.arange(0, 60, 0.05)


def test_at_rest_nothing_is_moved(person):
    assert_allclose(person.motion.warped(person.anatomy.hu, 0.0, 0.0), person.anatomy.hu, atol=1e-3)


def test_a_warp_is_the_linear_interpolation_that_scipy_makes(person):
    values, motion = person.anatomy.hu, person.motion
    z, y, x = np.indices(values.shape).astype(float)
    y = np.clip(y - 0.7 * motion.risen[:, None], 0, values.shape[1] - 1)
    where = [np.clip(z + 0.9 * motion.sunk, 0, values.shape[0] - 1), y, x]
    wanted = map_coordinates(values.astype(float), where, order=1, mode="nearest")
    assert_allclose(motion.warped(values, 0.9, 0.7), wanted, atol=0.05)


def test_tissue_never_passes_through_tissue(person):
    """The map's Jacobian is triangular: the product of how much each axis is stretched along itself."""
    for down, out in ((1.4, 1.4), (-0.2, -0.2)):
        assert (1 + down * np.gradient(person.motion.sunk, axis=0)).min() > 0.2
        assert (1 - out * np.gradient(person.motion.risen)).min() > 0.2


def test_the_diaphragm_sinks_and_the_spine_and_the_ribs_stay(person):
    hu, sunk = person.anatomy.hu, person.motion.sunk * 8
    assert 9 < sunk.max() < 22.1
    assert np.median(sunk[hu > 350]) < 2.5  # bone, at this resolution with its neighbours
    moved = person.motion.warped(person.anatomy.tumour, 1.0, 1.0)
    before, after = (centroid(part, person.anatomy.geometry) for part in (person.anatomy.tumour, moved))
    assert after[2] < before[2] - 4  # to the feet
    assert after[1] > before[1] - 0.1  # and to the front, or nowhere
    assert abs(after[0] - before[0]) < 0.6


def test_a_marker_moves_by_what_the_field_says():
    motion = Motion(np.full((20, 10, 4), 3.0, np.float32), np.full(10, 2.0, np.float32))
    marker = np.zeros((20, 10, 4), np.float32)
    marker[12, 4, 1] = 1
    assert np.argwhere(motion.warped(marker, 1.0, 1.0)).tolist() == [[9, 6, 1]]
    assert np.argwhere(motion.warped(marker, 2.0, 0.5)).tolist() == [[6, 5, 1]]


def test_without_lungs_there_is_nothing_to_breathe_with():
    with pytest.raises(InputError, match="SIMULATE-NO-LUNGS"):
        motion_of(np.full((6, 8, 8), 40.0), (4.0, 4.0, 4.0), 15, 5)


@pytest.mark.parametrize("seed", range(8))
def test_phase_0_is_where_the_chest_is_fullest(seed):
    breath = Breath.drawn(np.random.default_rng(seed), 60)
    down, phase = breath.diaphragm(TIMES), breath.phase(TIMES)
    inner = np.flatnonzero((down[1:-1] > down[:-2]) & (down[1:-1] >= down[2:]) & (down[1:-1] > 0.5)) + 1
    assert len(inner) >= 9
    assert np.minimum(phase[inner], 1 - phase[inner]).max() < 0.05
    exhaled = np.abs(phase - 0.5) < 0.1
    assert down[exhaled].max() < 0.35


@pytest.mark.parametrize("seed", range(8))
def test_breaths_differ_in_length_and_depth_and_the_wall_is_late(seed):
    breath = Breath.drawn(np.random.default_rng(seed), 60)
    turns = np.unwrap(breath.phase(TIMES), period=1)
    assert (np.diff(turns) > 0).all()
    assert breath.ends[0] < 0
    assert breath.ends[-1] > 60
    assert np.diff(breath.ends).std() > 0.05
    assert breath.depths.std() > 0.02
    down, out = breath.diaphragm(TIMES), breath.wall(TIMES)
    area = 0.5 * np.sum(down * np.gradient(out) - out * np.gradient(down))
    assert area > 0.5  # a loop, round after round the same way
    steady = Breath.drawn(np.random.default_rng(seed), 60, steady=True)
    assert np.ptp(np.diff(steady.ends)) < 1e-9
    assert np.ptp(steady.depths) == 0


def test_the_same_anatomy_breathes_otherwise_with_another_seed(person):
    other = breathing(person.anatomy, 6, 60.0)
    assert not np.allclose(other.breath.ends[:5], person.breath.ends[:5])
