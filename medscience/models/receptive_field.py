"""How far a network looks, measured on the network itself."""

import copy
import math

import torch
from torch import nn

from medscience.errors import ModelError
from medscience.models.meshnet import DepthToSpace, Features, MeshNet, SpaceToDepth

CELLS = (SpaceToDepth, DepthToSpace)
"""Layers that are the same in every cell of voxels, though not at every voxel."""

LOCAL = (
    *(nn.Sequential, Features, nn.Conv3d, nn.BatchNorm3d, nn.ReLU, nn.ELU, nn.GELU, nn.Identity),
    *CELLS,
    *(nn.ModuleList, MeshNet),  # members of an ensemble
)
"""Layers whose output at a voxel depends on a bounded neighbourhood, the same everywhere: their networks
can be tiled exactly, from any voxel, or from any multiple of their `alignment`. Pooling, normalisation over
the image and upsampling are not among them."""

NORMS = (nn.BatchNorm3d, nn.InstanceNorm3d)
"""Layers that look nowhere or everywhere, but never at neighbours: they add nothing to the field."""


def is_exact(network: nn.Module) -> bool:
    """Whether the network can be tiled exactly, derived from its layers.

    Batch normalisation is exact in eval mode, where it is a straight line. Instance normalisation is not: its
    mean and variance are those of whatever it sees.

    >>> is_exact(nn.Sequential(nn.Conv3d(1, 2, 3), nn.ReLU()))
    True
    >>> is_exact(nn.Sequential(nn.Conv3d(1, 2, 3), nn.InstanceNorm3d(2)))
    False
    """
    return all(_is_local(layer) for layer in network.modules() if layer is not network)


def _is_local(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv3d) and set(layer.stride) != {1}:
        return False
    if isinstance(layer, nn.BatchNorm3d) and (layer.training or layer.running_mean is None):
        return False
    return isinstance(layer, LOCAL)


def alignment(network: nn.Module) -> int:
    """Return the number of voxels of which a tile's start must be a multiple, along each axis.

    >>> alignment(nn.Conv3d(1, 2, 3)), alignment(nn.Sequential(SpaceToDepth(2), nn.Conv3d(8, 8, 3)))
    (1, 2)
    """
    return math.lcm(*(layer.cell for layer in network.modules() if isinstance(layer, CELLS)))


def receptive_field(network: nn.Module) -> tuple[int, int, int]:
    """Return the number of input voxels, along each axis, that one output voxel looks at.

    Where the network sees cells of voxels, this counts all voxels of the first and the last cell.

    Every convolution's weights are made positive and equal, an impulse is sent through one axis at a time,
    and the extent of what comes out is counted: dilations, strides and order are the network's own.
    Normalisation is passed by: with instance normalisation this is the reach of the convolutions, while the
    whole image counts through its mean and variance. Whether that is so, `is_exact` tells.

    Parameters
    ----------
    network : Module
        Maps (1, 1, I, J, K) to (1, classes, I, J, K), same size out as in.

    Raises
    ------
    ModelError
        If, normalisation apart, it does not look at a bounded neighbourhood.
    """
    probe = copy.deepcopy(network).cpu().double().eval()
    _pass_by_norms(probe)
    if not is_exact(probe):
        raise ModelError(
            "MODEL-NOT-LOCAL",
            field="network",
            found=type(network).__name__,
            expected="layers with a bounded neighbourhood",
            fix="run it in one tile",
        )
    for layer in probe.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.constant_(layer.weight, 1.0 / layer.weight[0].numel())
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    i, j, k = (_extent(probe, axis) for axis in range(3))
    return i, j, k


def context(network: nn.Module, align: int = 1) -> tuple[int, int, int]:
    """Return the halo that a tile needs on each side: half the field, and what alignment may take of it.

    Parameters
    ----------
    align : int
        What tiles' starts are multiples of, beside the network's own `alignment`.
    """
    i, j, k = (field // 2 + math.lcm(alignment(network), align) - 1 for field in receptive_field(network))
    return i, j, k


def _pass_by_norms(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, NORMS):
                setattr(parent, name, nn.Identity())


def _extent(probe: nn.Module, axis: int) -> int:
    """Voxels along one axis that an impulse reaches, on a line that no path through the layers leaves.

    A shorter line does not tell whether it is left: between the taps of dilated kernels there is nothing.
    """
    layers = [layer for layer in probe.modules() if isinstance(layer, nn.Conv3d)]
    steps = sum(layer.dilation[axis] * (layer.kernel_size[axis] // 2) for layer in layers)
    length = 2 * alignment(probe) * (steps + 1) + 1
    shape = [1, 1, 1, 1, 1]
    shape[2 + axis] = length
    impulse = torch.zeros(shape, dtype=torch.float64)
    impulse.view(-1)[length // 2] = 1.0
    with torch.inference_mode():
        reached = probe(impulse)[0, 0].reshape(-1).nonzero().reshape(-1)
    return int(reached.max() - reached.min()) + 1
