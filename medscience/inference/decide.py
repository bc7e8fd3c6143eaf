"""From features to labels, a few voxels at a time: the class axis is never held whole."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from medscience.errors import ModelError
from medscience.store.grid import regions

LOGITS = 16 << 20
"""Bytes of logits and of their features that are held at once: about what a processor's cache keeps."""

PIECE = 48
"""Sides of the pieces in which features are interpolated."""

PLACES = 36
"""Numbers of 4 bytes for each voxel that it takes to know where it lies: indices and places, in float64."""

FEW = 16
"""Number of classes up to which their logits are kept as planes, and above it voxel by voxel: measured."""


def decide(features: Tensor, head: nn.Conv3d) -> NDArray[np.generic]:
    """Return the most likely class of every voxel of features (1, C, I, J, K), as an array (I, J, K).

    Logits are float32, whatever the features' precision.
    """
    shape = features.shape[2:]
    labels = np.empty(shape, dtype=label_type(head.out_channels))
    numbers = head.out_channels + head.in_channels
    slices = max(LOGITS // (4 * numbers * shape[1] * shape[2]), 1)
    for start in range(0, shape[0], slices):
        part = labels[start : start + slices]
        part[:] = _most_likely(features[:, :, start : start + slices], head).reshape(part.shape)
    return labels


def decide_between(
    features: Tensor, head: nn.Conv3d, places: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """Return the most likely class at places between the voxels of features, by linear logits.

    Features are interpolated instead of logits: the head is linear, and a linear interpolation's weights
    add up to one, so that both give the same, and there are fewer features than classes. Places further than
    half a voxel outside are background.

    Parameters
    ----------
    features : Tensor
        Shape (1, C, I, J, K).
    head : Conv3d
        Pointwise, from features to logits.
    places : ndarray, shape (3, 4)
        Affine from an index (z, y, x, 1) of the answer to an index (i, j, k) of the features.
    shape : tuple of int
        Shape (Z, Y, X) of the answer.
    """
    labels = np.zeros(shape, dtype=label_type(head.out_channels))
    limits = np.array(features.shape[2:]).reshape(3, 1, 1, 1)
    for region in regions(shape, (PIECE,) * 3):
        grid = np.mgrid[region].astype(np.float64)
        at = np.tensordot(places[:, :3], grid, 1) + places[:, 3].reshape(3, 1, 1, 1)
        inside = ((at >= -0.5) & (at <= limits - 0.5)).all(axis=0)
        if inside.any():
            sampled = _sampled(features, np.clip(at, 0, limits - 1))
            found = _most_likely(sampled, head).reshape(inside.shape)
            labels[region] = np.where(inside, found, 0)
    return labels


def label_type(classes: int) -> "np.dtype[np.generic]":
    """Return the smallest type whose largest value is left over for "not looked at"."""
    return np.dtype(np.uint8 if classes <= 255 else np.uint16)


def _sampled(features: Tensor, at: NDArray[np.float64]) -> Tensor:
    """Return features (1, C, Z, Y, X), float32, at indices (3, Z, Y, X) that lie within them."""
    low = np.floor(at.min(axis=(1, 2, 3))).astype(int)
    high = np.ceil(at.max(axis=(1, 2, 3))).astype(int) + 1
    box = features[(slice(None), slice(None), *map(slice, low.tolist(), high.tolist()))].float()
    within = at - low.reshape(3, 1, 1, 1)
    # grid_sample counts from -1 to 1 and wants the last axis first
    steps = np.maximum(high - low - 1, 1).reshape(3, 1, 1, 1)
    unit = (2 * within / steps - 1)[::-1].transpose(1, 2, 3, 0)
    grid = torch.from_numpy(np.ascontiguousarray(unit, dtype=np.float32))[None]
    return grid_sample(box, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _most_likely(features: Tensor, head: nn.Conv3d) -> NDArray[np.generic]:
    """Return the class of each voxel, in the order of the features' voxels."""
    classes, channels = head.weight.shape[:2]
    weight = head.weight.view(classes, channels)
    bias = cast(Tensor, head.bias)
    voxels = features.permute(0, 2, 3, 4, 1).reshape(-1, channels).float()
    if classes <= FEW:
        best, found = torch.addmm(bias[:, None], weight, voxels.T).max(dim=0)
    else:
        best, found = torch.addmm(bias, voxels, weight.T).max(dim=1)
    if not torch.isfinite(best.sum()):  # NaN wins every comparison
        raise ModelError(
            "MODEL-NOT-FINITE",
            field="logits",
            found="NaN or infinity",
            expected="finite numbers",
            fix="check the weights and the image's values",
        )
    return found.numpy()
