"""MeshNet: a stack of dilated 3D convolutions at full resolution.

Fedorov et al. 2017, "End-to-end learning of brain tissue segmentation from imperfect labeling",
arXiv:1612.00940, Table I; the published weights of brainchop follow it with other widths and dilations.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medscience.errors import ModelError
from medscience.models.dilated import Dilated, Pointwise

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "elu": partial(nn.ELU, inplace=True),
    "gelu": nn.GELU,
}
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": partial(nn.BatchNorm3d, eps=1e-5),
    "instance": partial(nn.InstanceNorm3d, eps=1e-5, affine=False),
}


class SpaceToDepth(nn.Module):
    """Turn each cell of voxels into one voxel with as many times the channels; nothing is lost.

    Channels (c, i, j, k) of the cell, k fastest. A volume that is no whole number of cells is padded with
    zeros at its far ends.
    """

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, I, J, K) to (B, C cell^3, I / cell, J / cell, K / cell), sizes rounded up."""
        n = self.cell
        padded = pad(image, [end for size in reversed(image.shape[2:]) for end in (0, -size % n)])
        batch, channels, *sizes = padded.shape
        i, j, k = (size // n for size in sizes)
        parts = padded.reshape(batch, channels, i, n, j, n, k, n).permute(0, 1, 3, 5, 7, 2, 4, 6)
        return parts.reshape(batch, -1, i, j, k).contiguous(memory_format=torch.channels_last_3d)


class DepthToSpace(nn.Module):
    """The way back of `SpaceToDepth`, without its padding's removal."""

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, cells: Tensor) -> Tensor:
        """Map (B, C cell^3, I, J, K) to (B, C, I cell, J cell, K cell)."""
        n = self.cell
        batch, _, i, j, k = cells.shape
        parts = cells.reshape(batch, -1, n, n, n, i, j, k).permute(0, 1, 5, 2, 6, 3, 7, 4)
        return parts.reshape(batch, -1, i * n, j * n, k * n)


class Features(nn.Sequential):
    """The layers before the head; keeps the volume's size."""

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, 1, I, J, K) to features (B, C, I, J, K)."""
        features: Tensor = super().forward(image)  # type: ignore[no-untyped-call]
        i, j, k = image.shape[2:]
        return features[:, :, :i, :j, :k]


class MeshNet(nn.Module):
    """Dilated 3x3x3 convolutions of constant width, then one 1x1x1 convolution to logits.

    Each 3x3x3 convolution is followed by its normalisation, if any, and its activation. Zeros are padded so
    that every layer keeps the volume's size. The paper's dropout is left out: brainchop sets it to 0.

    Parameters
    ----------
    channels : int
        Width of every hidden layer.
    classes : int
        Number of logits.
    dilations : sequence of int
        Dilation of each 3x3x3 convolution.
    activation : str
        ``relu``, ``elu`` or ``gelu``, after every 3x3x3 convolution.
    norm : str
        ``batch``: with scale and shift, as in the paper. ``none``: also where batch normalisation is folded
        into the convolutions, as in most published weights. ``instance``: each channel by its own mean and
        variance over the volume, without scale and shift, as in brainchop's mindgrab.
    bias : bool
        Whether the 3x3x3 convolutions have a bias; the last one always does.
    cell : int
        With 1, as published. With 2, cells of 2 x 2 x 2 voxels are one voxel to the 3x3x3 convolutions (Shi
        et al. 2016, arXiv:1609.05158): they look twice as far at an eighth of the work for each channel, and
        their `channels` are spread over the cell's voxels again before the 1x1x1 convolution, which sees
        channels / 8 features.

    Notes
    -----
    GELU is the exact one, x/2 (1 + erf(x/sqrt 2)). mindgrab was trained with torch's ``nn.GELU()``
    (neuroneural/brainchop-models, ``meshnet_gn.py``), and brainchop runs it as the activation ``gelu`` of
    TensorFlow.js 4, which uses erf too (tfjs-layers, ``activations``; its ``gelu_new`` is the one with tanh).
    brainchop's command line differs: tinygrad's ``.gelu()`` is the approximation with tanh
    (neuroneural/brainchop-cli, ``tiny_meshnet.py``), up to 5e-4 away for each activation.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        dilations: Sequence[int],
        activation: str,
        norm: str = "none",
        *,
        bias: bool = True,
        cell: int = 1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [SpaceToDepth(cell)] if cell > 1 else []
        for n, dilation in enumerate(dilations):
            width = channels if n else cell**3
            layers.append(Dilated(width, channels, 3, padding=dilation, dilation=dilation, bias=bias))
            if norm != "none":
                layers.append(NORMS[norm](channels))
            layers.append(ACTIVATIONS[activation]())
        if cell > 1:
            layers += [Pointwise(channels, channels, 1), DepthToSpace(cell)]
        self.features = Features(*layers)
        self.head = Pointwise(channels // cell**3, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, 1, I, J, K) to class logits (B, classes, I, J, K)."""
        logits: Tensor = self.head(self.features(image))
        return logits


def fold_batch_norm(network: MeshNet) -> MeshNet:
    """Return a MeshNet without normalisation that computes what `network` does in eval mode.

    Its hidden convolutions have a bias, and its weights are named as if it had been built so.

    Raises
    ------
    ModelError
        If the network has instance normalisation: that follows the image, so no weights can hold it.
    """
    folded = copy.deepcopy(network).eval()
    layers: list[nn.Module] = []
    for layer in folded.features:
        if isinstance(layer, nn.InstanceNorm3d):
            raise ModelError(
                "MODEL-FOLD",
                field="norm",
                found="instance",
                expected="batch or none",
                fix="keep the normalisation",
            )
        if isinstance(layer, nn.BatchNorm3d):
            layers[-1] = fuse_conv_bn_eval(cast(nn.Conv3d, layers[-1]), layer)
        else:
            layers.append(layer)
    folded.features = Features(*layers)
    return folded
