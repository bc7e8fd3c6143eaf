"""The loss of networks that restore, against SSIM written once more with SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch.testing import assert_close

from medscience.training.restoring import motion_lost, restoring_loss, ssim


def drawn(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 300, shape))


def by_scipy(found, truth, axes):
    """The formula of Wang et al. with a Gaussian of 11 taps, where the window lies inside."""
    line = np.exp(-((np.arange(11) - 5.0) ** 2) / 4.5)
    line /= line.sum()

    def mean(values):
        for axis in axes:
            values = correlate1d(values, line, axis)
            values = np.take(values, range(5, values.shape[axis] - 5), axis)
        return values

    x, y = found.numpy(), truth.numpy()
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((10, 1, 16, 14), (2, 3)),  # the first stage: planes
        ((10, 16, 13, 12), (1, 2, 3)),  # the second: volumes
        ((12, 10, 11, 20), (2, 3)),  # z too short for the window; many phases are no side
    ],
)
def test_ssim_is_that_of_the_published_training(shape, axes):
    truth = drawn(shape)
    found = truth + 0.2 * drawn(shape, seed=1)
    assert_close(float(ssim(found, truth)), float(by_scipy(found, truth, axes)), rtol=1e-9, atol=0)


def test_equal_images_are_similar_and_others_are_not():
    image = drawn((2, 12, 12, 12))
    assert_close(float(ssim(image, image)), 1.0)
    assert float(ssim(drawn((2, 12, 12, 12), seed=1), image)) < 0.2
    assert_close(ssim(image, image + 9), ssim(image + 9, image))


def test_the_loss_is_a_mean_difference_and_a_tenth_of_what_is_not_similar():
    truth = drawn((2, 1, 12, 12)) / 1000
    found = truth + 0.05
    expected = 0.05 + 0.1 * (1 - float(ssim(found.float() * 1000, truth.float() * 1000)))
    assert_close(float(restoring_loss(found, truth)), expected)
    assert float(restoring_loss(truth, truth)) == pytest.approx(0, abs=1e-6)


def test_half_precision_is_compared_in_single():
    truth = (drawn((2, 1, 12, 12)) / 1000).bfloat16()
    assert restoring_loss(truth + 0.1, truth).dtype == torch.float32


def test_gradients_lead_to_the_truth():
    torch.manual_seed(0)
    truth = drawn((2, 1, 12, 12)).float() / 1000
    found = (truth + 0.1 * torch.randn_like(truth)).requires_grad_()
    before = restoring_loss(found, truth)
    before.backward()
    with torch.no_grad():
        assert restoring_loss(found - 0.01 * found.grad, truth) < before


def test_motion_that_is_lost_is_what_a_breath_changes_too_little_or_too_much():
    still, moves = drawn((1, 9, 12, 10)) / 1000, drawn((4, 9, 12, 10), seed=2) / 1000
    moves = moves - moves.mean(dim=0)
    truth = still + moves
    assert float(motion_lost(truth, truth)) == 0
    for part in (0.0, 0.7, 1.2):
        other = -still + part * moves  # what stands still does not count
        assert float(motion_lost(other, truth)) == pytest.approx(abs(1 - part), rel=0.01)
    aside = drawn((4, 9, 12, 10), seed=3) / 1000
    assert float(motion_lost(truth + 0.1 * aside, truth)) < 0.02  # nor what is wrong, but not less
    assert float(motion_lost(still + 0.001 * aside, (still + 0 * moves))) < 1e-6
    plane = slice(0, 1)
    assert float(motion_lost(still[:, plane] + 0 * moves[:, plane], truth[:, plane])) == pytest.approx(
        1, rel=0.01
    )


def test_each_cell_has_a_voice_of_its_own():
    truth = torch.zeros(2, 8, 8, 16, dtype=torch.float64)
    truth[1, ..., :8], truth[1, ..., 8:] = 1.0, 0.1
    found = truth.clone()
    found[1, ..., 8:] = 0.05
    assert float(motion_lost(found, truth)) == pytest.approx(0.25 * 0.0025 / (0.0025 + 0.0004), rel=1e-6)


def test_the_loss_counts_lost_motion_if_it_is_asked_to():
    truth = drawn((3, 4, 12, 12)) / 1000
    found = truth.mean(dim=0).expand_as(truth)
    assert_close(
        restoring_loss(found, truth, 0.1), restoring_loss(found, truth) + 0.1 * motion_lost(found, truth)
    )
    assert_close(restoring_loss(found, truth, 0.0), restoring_loss(found, truth))
