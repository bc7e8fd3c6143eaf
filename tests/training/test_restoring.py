"""The loss of networks that restore, against SSIM written once more with SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch.testing import assert_close

from medscience.training.restoring import restoring_loss, ssim


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
