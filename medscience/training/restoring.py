"""What the training of a network that restores phases makes small (Deng et al. 2025, arXiv:2403.16361)."""

import torch
from torch import Tensor
from torch.nn.functional import conv1d, l1_loss

WINDOW = 11
"""Voxels along a side of the window; sides of the image that are shorter are not smoothed."""
SIGMA = 1.5
K1, K2 = 0.01, 0.03
DATA_RANGE = 255.0
"""Between the darkest and the brightest number. As published: far less than Hounsfield units span, so that
contrasts of soft tissue count."""
HOUNSFIELD = 1000.0
"""Hounsfield units in 1 of the network's."""
SHARE = 0.1
"""Of 1 - SSIM in the loss."""


def restoring_loss(found: Tensor, truth: Tensor) -> Tensor:
    """Return L1 + 0.1 (1 - SSIM) of a restored patch.

    Parameters
    ----------
    found, truth : Tensor
        Shape (T, Z, Y, X), Hounsfield units / 1000. SSIM is in float32 whatever their precision.
    """
    similar = ssim(found.float() * HOUNSFIELD, truth.float() * HOUNSFIELD)
    loss: Tensor = l1_loss(found, truth) + SHARE * (1 - similar)
    return loss


def ssim(found: Tensor, truth: Tensor, data_range: float = DATA_RANGE) -> Tensor:
    """Return the mean structural similarity of images of phases: 1 where they are the same.

    Wang et al. 2004, IEEE TIP 13, by the rules of pytorch_msssim, with which the network was published: a
    Gaussian window of 11 voxels and sigma 1.5 along each side of space, only where it lies inside of the
    image; variances as they are, without Bessel's correction. Phases are never smoothed together; there, too,
    they are not, as their 10 are fewer than 11.

    Parameters
    ----------
    found, truth : Tensor
        Shape (T, Z, Y, X), the same unit as `data_range`.
    """
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    values = torch.stack([found, truth, found * found, truth * truth, found * truth])
    mean, other_mean, square, other_square, product = smoothed(values)
    variance, other_variance = square - mean**2, other_square - other_mean**2
    covariance = product - mean * other_mean
    structure = (2 * covariance + c2) / (variance + other_variance + c2)
    brightness = (2 * mean * other_mean + c1) / (mean**2 + other_mean**2 + c1)
    similar: Tensor = (brightness * structure).mean()
    return similar


def smoothed(values: Tensor) -> Tensor:
    """Return images (..., Z, Y, X) under the window, a window's width less one smaller where it fits."""
    at = torch.arange(WINDOW, dtype=values.dtype, device=values.device) - WINDOW // 2
    line = torch.exp(-(at**2) / (2 * SIGMA**2))
    line = line / line.sum()
    for axis in (-3, -2, -1):
        if values.shape[axis] >= WINDOW:
            lines = values.movedim(axis, -1)
            kept = conv1d(lines.reshape(-1, 1, lines.shape[-1]), line.view(1, 1, -1))
            values = kept.view(*lines.shape[:-1], -1).movedim(-1, axis)
    return values
