"""From features to labels, a few voxels at a time: the class axis is never held whole."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from medscience.arrays import zeros
from medscience.errors import ModelError
from medscience.inference.memory import freed_memory_kept
from medscience.inference.plan import PIECE
from medscience.store.grid import regions

LOGITS = 16 << 20
"""Bytes of logits and of their features that are held at once: about what a processor's cache keeps."""

FEW = 16
"""Number of classes up to which their logits are kept as planes, and above it voxel by voxel: measured."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last layer of a network, from a voxel's features to its logits, and what is kept of those."""

    layer: nn.Conv3d
    """Pointwise, in float32."""
    maps: tuple[str, ...] = ()
    """Beside the most likely class: ``confidence``, its probability; ``entropy`` of all classes, 1 where all
    are equally likely; ``probability-N`` of class N. As uint8, 255 for 1."""
    thresholds: tuple[float, ...] = ()
    """The probability from which a voxel has each class but the first, the last that reaches it counts;
    none: the most likely class."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.layer.out_channels

    @property
    def channels(self) -> int:
        """Number of features."""
        return self.layer.in_channels

    @property
    def decision(self) -> "np.dtype[np.generic]":
        """What is kept of a voxel: its label, or fields ``label`` and one for each map."""
        label = label_type(self.classes)
        return np.dtype([("label", label), *((name, np.uint8) for name in self.maps)]) if self.maps else label


@freed_memory_kept()  # pages that are cleared for each slab take more than half of the time
def decide(features: Tensor, head: Head) -> NDArray[np.generic]:
    """Return the decision for every voxel of features (1, C, I, J, K), as an array (I, J, K).

    Logits are float32, whatever the features' precision.
    """
    shape = features.shape[2:]
    decided = zeros(shape, head.decision)
    numbers = head.classes * (3 if head.maps or head.thresholds else 1) + head.channels
    slices = max(LOGITS // (4 * numbers * shape[1] * shape[2]), 1)
    for start in range(0, shape[0], slices):
        part = decided[start : start + slices]
        part[:] = _decided(features[:, :, start : start + slices], head).reshape(part.shape)
    return decided


@freed_memory_kept()
def decide_between(
    features: Tensor, head: Head, places: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """Return the decision at places between the voxels of features, by linear logits.

    Features are interpolated instead of logits: the head is linear, and a linear interpolation's weights
    add up to one, so that both give the same, and there are fewer features than classes. Places further than
    half a voxel outside are background, with maps of 0.

    Parameters
    ----------
    features : Tensor
        Shape (1, C, I, J, K).
    head : Head
        From features to logits.
    places : ndarray, shape (3, 4)
        Affine from an index (z, y, x, 1) of the answer to an index (i, j, k) of the features.
    shape : tuple of int
        Shape (Z, Y, X) of the answer.
    """
    decided = zeros(shape, head.decision)
    limits = np.array(features.shape[2:]).reshape(3, 1, 1, 1)
    for region in regions(shape, (PIECE,) * 3):
        grid = np.mgrid[region].astype(np.float64)
        at = np.tensordot(places[:, :3], grid, 1) + places[:, 3].reshape(3, 1, 1, 1)
        inside = ((at >= -0.5) & (at <= limits - 0.5)).all(axis=0)
        if inside.any():
            sampled = _sampled(features, np.clip(at, 0, limits - 1))
            decided[region][inside] = _decided(sampled, head)[inside.ravel()]
    return decided


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
    grid = torch.from_numpy(np.ascontiguousarray(unit, dtype=np.float32))[None].to(box.device)
    return grid_sample(box, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _decided(features: Tensor, head: Head) -> NDArray[np.generic]:
    """Return the decision for each voxel, in the order of the features' voxels."""
    weight, bias = head.layer.weight.view(head.classes, head.channels), cast(Tensor, head.layer.bias)
    voxels = features.permute(0, 2, 3, 4, 1).reshape(-1, head.channels).float()
    axis = 0 if head.classes <= FEW else 1
    logits = torch.addmm(bias, voxels, weight.T) if axis else torch.addmm(bias[:, None], weight, voxels.T)
    best, found = logits.max(dim=axis)
    if not torch.isfinite(best.sum()):  # NaN wins every comparison
        raise ModelError(
            "MODEL-NOT-FINITE",
            field="logits",
            found="NaN or infinity",
            expected="finite numbers",
            fix="check the weights and the image's values",
        )
    if not (head.maps or head.thresholds):
        return _labels(found, head)
    probabilities = torch.softmax(logits, dim=axis)
    if head.thresholds:
        found.zero_()
        for label, threshold in enumerate(head.thresholds, start=1):
            found[probabilities.select(axis, label) >= threshold] = label
    if not head.maps:
        return _labels(found, head)
    decided = np.empty(len(found), dtype=head.decision)
    decided["label"] = _labels(found, head)
    for name in head.maps:
        decided[name] = (255 * _map(name, probabilities, axis)).round_().to(torch.uint8).cpu().numpy()
    return decided


def _labels(found: Tensor, head: Head) -> NDArray[np.generic]:
    """Bring labels from where they were found, as narrow as they are kept."""
    kind = label_type(head.classes)
    return found.to(getattr(torch, kind.name)).cpu().numpy()


def _map(name: str, probabilities: Tensor, axis: int) -> Tensor:
    """Return a map, 0 to 1, of each voxel."""
    if name == "confidence":
        return probabilities.amax(dim=axis)
    if name == "entropy":
        entropy: Tensor = torch.special.entr(probabilities).sum(dim=axis)
        return (entropy / math.log(probabilities.shape[axis])).clamp_(0, 1)
    return probabilities.select(axis, int(name.removeprefix("probability-")))
