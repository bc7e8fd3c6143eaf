"""Error and similarity of phases: by hand, and against an independent library."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from skimage.metrics import structural_similarity

from medscience.measure.fidelity import field_of_view, motion_rmse, regions_of, rmse, ssim
from medscience.simulate.thorax.canvas import upright
from medscience.simulate.thorax.person import simulate_person

SHAPE = (2, 16, 18, 20)


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    truth = 400 * random.standard_normal(SHAPE).cumsum(axis=3) / 3 - 200
    return truth + 90 * random.standard_normal(SHAPE), truth


def test_similarity_is_that_of_an_independent_library(pair):
    found, truth = pair
    inside = np.zeros(SHAPE[1:], bool)
    inside[5:-5, 5:-5, 5:-5] = True  # where no window leaves the image
    for value, one, other in zip(ssim(found, truth, inside), found, truth, strict=True):
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        _, wanted = structural_similarity(one, other, data_range=2000.0, full=True, **options)
        assert value == pytest.approx(wanted[inside].mean(), abs=1e-9)


def test_the_truth_is_without_error_and_similar_to_itself(pair):
    _, truth = pair
    everywhere = np.ones(SHAPE[1:], bool)
    assert_allclose(rmse(truth, truth, everywhere), 0)
    assert_allclose(ssim(truth, truth, everywhere), 1)


def test_only_what_is_inside_counts_and_each_phase_for_itself(pair):
    _, truth = pair
    found = truth.copy()
    found[1, 0] += 50
    found[0, 1] += 1e6
    inside = np.zeros(SHAPE[1:], bool)
    inside[0] = True
    assert_allclose(rmse(found, truth, inside), [0, 50])
    changing = np.stack([inside, ~inside])
    assert rmse(found, truth, changing)[1] == 0


def test_a_mean_without_motion_has_the_motion_as_its_error():
    truth = np.zeros((4, 2, 2, 2))
    truth += np.array([-3.0, -1, 1, 3])[:, None, None, None]
    still = np.broadcast_to(truth.mean(axis=0), truth.shape)
    everywhere = np.ones((2, 2, 2), bool)
    assert motion_rmse(still, truth, everywhere) == pytest.approx(np.sqrt(5))
    assert motion_rmse(truth + 100, truth, everywhere) == pytest.approx(0)  # a wrong scale is no motion


def test_body_and_lungs_are_told_apart():
    person = simulate_person(5, (24, 36, 48), 8.0, 20.0)
    truth = np.stack([person.anatomy.hu, person.motion.warped(person.anatomy.hu, 1.0, 1.0)])
    regions = regions_of(truth)
    assert set(regions) == {"body", "lungs"}
    assert (regions["lungs"] <= regions["body"]).all()
    lungs = regions["lungs"].sum(axis=(1, 2, 3))
    assert lungs[1] > 1.05 * lungs[0]  # breathed in
    assert truth[regions["lungs"]].max() < -500
    assert not regions["body"][:, :, 0, 0].any()


def test_the_field_of_view_is_round_about_the_axis():
    seen = field_of_view(upright((3, 20, 20), 2.0), 15.0)
    assert seen[0].sum() * 4 == pytest.approx(np.pi * 15**2, rel=0.03)
    assert (seen == seen[::-1, ::-1, ::-1]).all()
