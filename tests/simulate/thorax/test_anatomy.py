"""Simulated chests: the same for the same seed, whole, and of what chests are made of."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.ndimage import binary_dilation, label

from medscience.simulate.thorax.anatomy import simulate_anatomy
from medscience.simulate.thorax.motion import body_of, lungs_of
from medscience.simulate.thorax.trees import LEAF, grown, spread

SHAPE = (32, 36, 48)
SEEDS = range(20, 23)


@pytest.fixture(scope="module", params=SEEDS)
def chest(request):
    return simulate_anatomy(request.param, SHAPE, 8.0)


def test_the_same_seed_gives_the_same_chest_and_another_one_another():
    one, again, other = (simulate_anatomy(seed, SHAPE, 8.0).hu for seed in (1, 1, 2))
    assert_array_equal(one, again)
    assert (np.abs(one - other) > 100).mean() > 0.05


def test_a_chest_is_one_body_with_two_lungs_in_it(chest):
    body = body_of(chest.hu)
    assert label(chest.hu > -350)[1] >= 1
    lungs = lungs_of(chest.hu, body)
    litres = lungs.sum() * 512e-6
    assert 1.2 < litres < 5  # their lower and middle parts, breathed out
    left, right = (lungs[:, :, half].sum() for half in (slice(0, 24), slice(24, 48)))
    assert 0.4 < left / right < 1.6
    assert not lungs[[0, -1]].all()
    edge = np.ones_like(body)
    edge[:, 1:-1, 1:-1] = False
    assert not (body & edge).any()  # and air all around


def test_tissues_have_about_the_numbers_that_scanners_give(chest):
    lungs = lungs_of(chest.hu, body_of(chest.hu))
    assert -880 < np.median(chest.hu[lungs]) < -740
    soft = chest.hu[(chest.hu > 0) & (chest.hu < 100)]
    assert 30 < np.median(soft) < 75
    assert 300 < chest.hu.max() < 1200
    assert chest.hu.min() >= -1001


def test_the_tumour_lies_in_a_lower_lobe_with_lung_around_it(chest):
    inside = chest.tumour > 0.3
    lungs = lungs_of(chest.hu, body_of(chest.hu))
    around = binary_dilation(inside, iterations=3) & ~binary_dilation(inside)
    assert 0.8 < chest.tumour.sum() * 0.512 < 25  # mL
    assert lungs[around].mean() > 0.5
    assert chest.geometry.world(np.argwhere(inside).mean(axis=0))[2] < 40


def test_the_same_chest_at_another_resolution():
    coarse, fine = (simulate_anatomy(7, (16 * k, 18 * k, 24 * k), 16.0 / k) for k in (1, 2))
    averaged = fine.hu.reshape(16, 2, 18, 2, 24, 2).mean((1, 3, 5))
    agree = (averaged < -400) == (coarse.hu < -400)
    assert agree.mean() > 0.93


def test_vessels_obey_murray_s_law_and_reach_every_end():
    random = np.random.default_rng(1)
    ends = spread(random.uniform(-50, 50, (900, 3)), 200, random)
    tree = grown(np.array([0.0, 0.0, -60.0]), ends, random)
    cubes = np.bincount(tree.parents[1:], weights=tree.radii[1:] ** 3, minlength=len(tree.points))
    inner = np.flatnonzero(cubes)
    missing = tree.radii[inner] ** 3 - cubes[inner]
    assert np.all((np.abs(missing) < 1e-9) | (np.abs(missing - LEAF**3) < 1e-9))  # ends may lie on the way
    reached = np.linalg.norm(tree.points[:, None] - ends[None], axis=-1).min(axis=0)
    assert reached.max() < 1e-9
    assert tree.radii[0] == tree.radii.max()
