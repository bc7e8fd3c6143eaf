"""From features to labels, a few slices at a time: the class axis is never held whole."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from medscience.errors import ModelError

LOGITS = 64 << 20
"""Bytes of logits, or of interpolated features and where they lie, that are held at once."""

PLACES = 36
"""Numbers of 4 bytes for each voxel that it takes to know where it lies: indices and places, in float64."""


def decide(features: Tensor, head: nn.Conv3d) -> NDArray[np.generic]:
    """Return the most likely class of every voxel of features (1, C, I, J, K), as an array (I, J, K)."""
    shape = features.shape[2:]
    labels = np.empty(shape, dtype=label_type(head.out_channels))
    slices = _slices(head.out_channels, shape[1] * shape[2])
    for start in range(0, shape[0], slices):
        labels[start : start + slices] = _most_likely(head(features[:, :, start : start + slices]))
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
    labels = np.empty(shape, dtype=label_type(head.out_channels))
    slices = _slices(head.out_channels + features.shape[1] + PLACES, shape[1] * shape[2])
    sizes = np.array(features.shape[2:], dtype=np.float64)
    for start in range(0, shape[0], slices):
        stop = min(start + slices, shape[0])
        grid = np.mgrid[start:stop, 0 : shape[1], 0 : shape[2]]
        at = np.tensordot(places[:, :3], grid, 1) + places[:, 3].reshape(3, 1, 1, 1)
        limits = sizes.reshape(3, 1, 1, 1)
        outside = ((at < -0.5) | (at > limits - 0.5)).any(axis=0)
        # grid_sample counts from -1 to 1 and wants the last axis first
        unit = (2 * at / np.maximum(limits - 1, 1) - 1)[::-1].transpose(1, 2, 3, 0)
        sampled = grid_sample(
            features,
            torch.from_numpy(np.ascontiguousarray(unit, dtype=np.float32))[None],
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )
        found = _most_likely(head(sampled))
        labels[start:stop] = np.where(outside, 0, found)
    return labels


def label_type(classes: int) -> "np.dtype[np.generic]":
    """Return the smallest type whose largest value is left over for "not looked at"."""
    return np.dtype(np.uint8 if classes <= 255 else np.uint16)


def _slices(channels: int, voxels: int) -> int:
    return max(LOGITS // (4 * channels * voxels), 1)


def _most_likely(logits: Tensor) -> NDArray[np.generic]:
    if not torch.isfinite(logits).all():
        raise ModelError(
            "MODEL-NOT-FINITE",
            field="logits",
            found="NaN or infinity",
            expected="finite numbers",
            fix="check the weights and the image's values",
        )
    return logits.argmax(dim=1)[0].numpy()
