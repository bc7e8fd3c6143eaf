"""A network that computes the same with less: normalisation goes into convolutions, upsampling too."""

import copy
from typing import cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medscience.models.densenet import DenseLayer, DenseNet
from medscience.models.denseunet import DenseUNet, Up
from medscience.models.hdenseunet import HDenseUNet
from medscience.models.onednn import Convolution
from medscience.models.subpixel import SubPixel

FOLLOWED: dict[type[nn.Module], tuple[str, str]] = {
    DenseNet: ("conv0", "norm0"),
    DenseLayer: ("conv1", "norm2"),
    Up: ("conv", "norm"),
    HDenseUNet: ("fuse", "norm"),
}
"""The convolutions that a normalisation follows at once. The others come after a ReLU, and stay."""


def quickened(network: HDenseUNet) -> HDenseUNet:
    """Return a copy, for prediction only, in which convolutions take in the normalisation that follows them.

    Upsampling is taken in too where nothing is added between it and its convolution; and all convolutions are
    oneDNN's.
    """
    quick = copy.deepcopy(network).eval()
    parts = list(quick.modules())
    for part in parts:
        if type(part) in FOLLOWED:
            conv, norm = FOLLOWED[type(part)]
            setattr(part, conv, fuse_conv_bn_eval(getattr(part, conv), getattr(part, norm)))
            setattr(part, norm, nn.Identity())
    for part in parts:
        if isinstance(part, DenseUNet):
            _take_in_upsampling(part)
    for part in parts:
        for name, layer in part.named_children():
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                setattr(part, name, Convolution(layer))
    return quick


def _take_in_upsampling(network: DenseUNet) -> None:
    first = len(network.down.blocks) if network.skips else 0  # the steps up before it add a skip
    for up in cast(list[Up], list(network.up))[first:]:
        up.conv = SubPixel(cast(nn.Conv3d, up.conv), up.factor)
        up.upsample = nn.Identity()
