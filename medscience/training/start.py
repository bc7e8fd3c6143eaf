"""What layers are before the first step, and what they stop doing before the last."""

import torch
from torch import nn

NOISE = 0.3
"""How far from the identity a layer starts, as a part of the usual random weights."""


def start_as_identity(layer: nn.Module) -> None:
    """Let every layer pass on what it is given, and a little more.

    So a deep stack without shortcuts starts as one with them (Zagoruyko and Komodakis 2017,
    arXiv:1706.00388). A layer that changes the width keeps the variance of activations instead (He et
    al. 2015, arXiv:1502.01852).
    """
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(layer.weight)
        if layer.in_channels == layer.out_channels and max(layer.kernel_size) > 1:
            with torch.no_grad():
                layer.weight.mul_(NOISE).add_(nn.init.dirac_(torch.empty_like(layer.weight)))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def start_as_xavier(layer: nn.Module) -> None:
    """Draw a convolution's weights as Glorot and Bengio (2010), with a bias of 0, as brainchop's tutorial."""
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        nn.init.xavier_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


STARTS = {"identity": start_as_identity, "xavier": start_as_xavier}
"""By their name in a recipe."""


def settle(layer: nn.Module) -> None:
    """Have batch normalisation keep its statistics."""
    if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
        layer.eval()
