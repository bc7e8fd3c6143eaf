"""Batch normalisation and ReLU as parts of the convolution before them: two passes less for each layer."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medscience.models.onednn import takes_onednn


class Rectified(nn.Module):
    """A convolution with the ReLU after it, for prediction: oneDNN applies it to sums that it has at hand."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        if not takes_onednn(x):
            return torch.relu_(conv(x))
        how = conv.padding, conv.stride, conv.dilation, conv.groups
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, conv.weight, conv.bias, *how, "relu", [], None
        )
        return found


def folded(network: nn.Module) -> nn.Module:
    """Return a 2D network that computes what `network` does in eval mode, its normalisation folded in.

    In every sequence of layers, a convolution takes in the normalisation right after it, and the ReLU that
    follows.
    """
    network = copy.deepcopy(network).eval()
    for part in [part for part in network.modules() if isinstance(part, nn.Sequential)]:
        layers = _merged(part)
        del part[:]
        part.extend(layers)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _merged(layers: Iterable[nn.Module]) -> list[nn.Module]:
    merged: list[nn.Module] = []
    for layer in layers:
        before = merged[-1] if merged else None
        if isinstance(before, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
            merged[-1] = fuse_conv_bn_eval(before, layer)
        elif isinstance(before, nn.Conv2d) and isinstance(layer, nn.ReLU):
            merged[-1] = Rectified(before)
        else:
            merged.append(layer)
    return merged
