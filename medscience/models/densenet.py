"""DenseNet's path down, in two or three dimensions.

Huang et al. 2017, "Densely Connected Convolutional Networks", arXiv:1608.06993, Table 1, as torchvision lays
it out: DenseNet-161 is ``stem=96, growth=48, blocks=(6, 12, 36, 24)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

EPSILON = 1.1e-5
"""What every normalisation on the way down adds to a variance, as in the published H-DenseUNet."""
BOTTLENECK = 4
"""Channels before a layer's 3-wide convolution, as a multiple of the growth."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The layers for images of a number of dimensions."""

    conv: type[nn.Conv2d] | type[nn.Conv3d]
    norm: type[nn.BatchNorm2d] | type[nn.BatchNorm3d]
    max_pool: type[nn.MaxPool2d] | type[nn.MaxPool3d]
    mean_pool: type[nn.AvgPool2d] | type[nn.AvgPool3d]
    halve: Any
    """By how much the transitions make an image smaller, along each axis; slices are never merged there."""


class MeanPool3d(nn.AvgPool3d):
    """A mean over cells that knows bfloat16: torch's does not, on processors."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


PLANES = Kind(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, (2, 2))
VOLUMES = Kind(nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, MeanPool3d, (1, 2, 2))


class DenseLayer(nn.Module):
    """Normalise, ReLU, 1-wide convolution; normalise, ReLU, 3-wide convolution to `growth` channels."""

    def __init__(self, kind: Kind, channels: int, growth: int) -> None:
        super().__init__()
        narrow = BOTTLENECK * growth
        self.norm1 = kind.norm(channels, eps=EPSILON)
        self.conv1 = kind.conv(channels, narrow, 1, bias=False)
        self.norm2 = kind.norm(narrow, eps=EPSILON)
        self.conv2 = kind.conv(narrow, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(relu(self.norm1(x), inplace=True))
        grown: Tensor = self.conv2(relu(self.norm2(x), inplace=True))
        return grown


class DenseBlock(nn.ModuleList):
    """Layers that each see what all before them gave."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """Normalise, ReLU, 1-wide convolution to half the channels, mean over cells."""

    def __init__(self, kind: Kind, channels: int) -> None:
        super().__init__()
        self.norm = kind.norm(channels, eps=EPSILON)
        self.conv = kind.conv(channels, channels // 2, 1, bias=False)
        self.pool = kind.mean_pool(kind.halve)

    def forward(self, x: Tensor) -> Tensor:
        smaller: Tensor = self.pool(self.conv(relu(self.norm(x), inplace=True)))
        return smaller


class DenseNet(nn.Module):
    """The path down: a stem and a pool that halve all axes, then dense blocks with transitions between.

    Parameters
    ----------
    kind : Kind
        `PLANES` or `VOLUMES`.
    inputs : int
        Channels of the image.
    stem : int
        Channels after the first convolution.
    growth : int
        Channels that each layer adds.
    blocks : sequence of int
        Number of layers in each dense block.
    """

    def __init__(self, kind: Kind, inputs: int, stem: int, growth: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.widths = widths(stem, growth, blocks)
        starts = [stem, *(width // 2 for width in self.widths[1:-1])]
        self.conv0 = kind.conv(inputs, stem, 7, stride=2, padding=3, bias=False)
        self.norm0 = kind.norm(stem, eps=EPSILON)
        self.pool0 = kind.max_pool(3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            DenseBlock(DenseLayer(kind, start + n * growth, growth) for n in range(count))
            for start, count in zip(starts, blocks, strict=True)
        )
        self.transitions = nn.ModuleList(Transition(kind, width) for width in self.widths[1:-1])
        self.norm5 = kind.norm(self.widths[-1], eps=EPSILON)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map an image (B, C, ...) to what every level gives, fine to coarse: stem, then each block."""
        x = relu(self.norm0(self.conv0(image)), inplace=True)
        levels = [x]
        x = self.pool0(x)
        for n, block in enumerate(self.blocks):
            x = block(self.transitions[n - 1](x) if n else x)
            levels.append(x)
        levels[-1] = relu(self.norm5(x), inplace=True)
        return levels


def widths(stem: int, growth: int, blocks: Sequence[int]) -> list[int]:
    """Return the channels after the stem and after each block.

    >>> widths(96, 48, (6, 12, 36, 24))
    [96, 384, 768, 2112, 2208]
    """
    found = [stem]
    for n, count in enumerate(blocks):
        found.append((found[-1] // 2 if n else stem) + count * growth)
    return found
