"""What training on a patch holds in memory, counted on the network itself at a small size."""

import math

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy

from medscience.geometry import Sizes
from medscience.models.meshnet import MeshNet
from medscience.training.recompute import groups

PROBE = 24
"""Sides of the small patch."""

WORKING = 3
"""Times the largest layer's output that the way back needs beside what was kept: its gradient, the one before
it, and what the convolution rearranges; measured."""


def patch_bytes(network: MeshNet, patch: Sizes, precision: str, *, checkpointing: bool) -> int:
    """Return the bytes that one patch's step takes, beside the process and the weights.

    Parameters
    ----------
    network : MeshNet
        Any; its weights do not matter.
    patch : tuple of int
        Voxels along its axes.
    precision : str
        ``float32`` or ``bfloat16``, of the convolutions.
    checkpointing : bool
        Whether layers are computed again on the way back.
    """
    values = torch.rand(1, 1, PROBE, PROBE, PROBE).contiguous(memory_format=torch.channels_last_3d)
    together: dict[int, int] = {}
    kept, inputs, largest = [], [], 0
    alive = []  # so that no two tensors have the same place in memory
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        for group in (*groups(network.features), nn.Sequential(network.head)):
            inputs.append(values.nbytes)
            found, saved = _saved(group, values.detach().requires_grad_())
            kept.append(sum(saved.values()))
            together |= saved
            alive.append(found)
            largest, values = max(largest, found.nbytes), found
    logits = values.detach().float().requires_grad_()
    labels = torch.zeros(logits.shape[0], *logits.shape[2:], dtype=torch.int64)
    loss = 3 * logits.nbytes + labels.nbytes + cross_entropy(logits, labels).nbytes
    held = sum(inputs) + max(kept) if checkpointing else sum(together.values())
    return round((held + WORKING * largest + loss) / PROBE**3 * math.prod(patch))


def _saved(layers: nn.Sequential, values: Tensor) -> tuple[Tensor, dict[int, int]]:
    """Return what layers give, and the bytes that they keep for the way back, by place; weights apart."""
    weights = {weight.data_ptr() for weight in layers.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        found = layers(values)
    return found, kept
