"""What a network holds in memory, read off the network itself."""

from typing import Any

import torch
from torch import Tensor, nn

from medscience.inference.decide import LOGITS
from medscience.inference.plan import Footprint
from medscience.models.receptive_field import alignment

LIBRARIES = 360 << 20
"""Bytes of a process that has imported torch and zarr and reads and writes shards; measured, rounded up."""

AROUND = 4 + 8 + 1
"""Bytes for each voxel around the network: the normalised tile, the stored one, and its labels."""

MARGIN = 1.02
"""What the allocator keeps beyond the tensors in use; measured, rounded up."""


def footprint(network: nn.Module) -> Footprint:
    """Return what predicting with a network holds, in float32.

    The widest layer counts: its input and its output are there at the same time. Logits are decided slab by
    slab, so the number of classes does not count.

    Parameters
    ----------
    network : Module
        Has `features`, which keeps the volume's size.
    """
    widest = 0.0
    side = 2 * alignment(network)

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal widest
        held = inputs[0].numel() + (0 if getattr(layer, "inplace", False) else output.numel())
        widest = max(widest, held / side**3)

    features: Any = network.features
    leaves = [layer for layer in features.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(note) for layer in leaves]
    try:
        with torch.inference_mode():
            features(torch.zeros(1, 1, side, side, side))
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    return Footprint(
        fixed=LIBRARIES + 2 * LOGITS + 4 * weights, per_voxel=round((4 * widest + AROUND) * MARGIN)
    )
