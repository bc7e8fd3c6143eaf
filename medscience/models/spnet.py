"""SPNet: the published network that finds antinodes and counts their rings, as it was published.

Hawley and Morrison 2021, J. Acoust. Soc. Am. 150(4), 2434-2445, arXiv:2102.00632, and its repository
(drscotthawley/SPNet): Xception (Chollet 2017, arXiv:1610.02357) between a small stem and one dense layer that
answers for every slot of a grid at once. Target and loss are in `medscience.models.spnet_slots`.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from medscience.slots import DEEP, SIDE

SEEN = 331
"""Pixels along each side of what the network sees: the frame is squeezed into a square."""

VALUES = 8
"""Of each slot."""

TAPS = 3
"""Lobes of Lanczos' kernel to each side."""


def _normed(channels: int) -> nn.BatchNorm2d:
    """Return the normalisation of Keras: other constants than torch's."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _separable(channels: int, out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, out, 1, bias=False),
        _normed(out),
    ]


class PoolSame(nn.Module):
    """Largest of 3 x 3 at every second pixel, padded as TensorFlow does: at the far ends first."""

    def forward(self, features: Tensor) -> Tensor:
        far = [(n % 2 == 0) + 0 for n in features.shape[:1:-1]]
        near = [1 - n for n in far]
        sides = (near[0], 1, near[1], 1)
        return max_pool2d(pad(features, sides, value=-math.inf), 3, stride=2)


class Block(nn.Module):
    """A block of Xception: a few separable convolutions beside a shortcut.

    Parameters
    ----------
    widths : tuple of int
        Channels that go in, and that come out of each convolution.
    shrinks : bool
        Whether it halves the sides; its shortcut then has a convolution too.
    begins : bool
        Whether it begins with ReLU; only the first block does not.
    """

    def __init__(self, widths: tuple[int, ...], *, shrinks: bool, begins: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            layers += [nn.ReLU()] if begins or number else []
            layers += _separable(before, after)
        self.change = nn.Sequential(*layers, *([PoolSame()] if shrinks else []))
        self.shortcut = (
            nn.Sequential(nn.Conv2d(widths[0], widths[-1], 1, stride=2, bias=False), _normed(widths[-1]))
            if shrinks
            else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.change(features)
        passed: Tensor = self.shortcut(features)
        return changed + passed


class Stem(nn.Module):
    """From one channel to three, at half the size, beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1, bias=False),
            nn.AvgPool2d(2),
            _normed(3),
            nn.LeakyReLU(0.1),
            nn.Conv2d(3, 3, 3, padding=1, bias=False),
            _normed(3),
            nn.LeakyReLU(0.1),
            nn.Conv2d(3, 3, 3, padding=1, bias=False),
            _normed(3),
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, frames: Tensor) -> Tensor:
        changed: Tensor = self.change(frames)
        dropped: Tensor = self.dropout(changed + avg_pool2d(frames, 2))
        return dropped


def _xception() -> Iterator[nn.Module]:
    yield nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, bias=False),
        _normed(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, bias=False),
        _normed(64),
        nn.ReLU(),
    )
    yield Block((64, 128, 128), shrinks=True, begins=False)
    yield Block((128, 256, 256), shrinks=True)
    yield Block((256, 728, 728), shrinks=True)
    for _ in range(8):
        yield Block((728, 728, 728, 728), shrinks=False)
    yield Block((728, 728, 1024), shrinks=True)
    yield nn.Sequential(*_separable(1024, 1536), nn.ReLU(), *_separable(1536, 2048), nn.ReLU())


class SPNet(nn.Module):
    """Maps squeezed frames (B, 1, 331, 331) to normalised values (B, 6, 6, 2, 8) by column, row and slot."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.xception = nn.Sequential(*_xception())
        self.dense = nn.Linear(5 * 5 * 2048, SIDE * SIDE * DEEP * VALUES)
        self.apply(_start)

    def forward(self, frames: Tensor) -> Tensor:
        features: Tensor = self.xception(self.stem(frames))
        flat = features.permute(0, 2, 3, 1).flatten(1)  # as Keras orders them
        values: Tensor = self.dense(flat)
        return values.view(-1, SIDE, SIDE, DEEP, VALUES)


def _start(layer: nn.Module) -> None:
    """Draw weights as Keras does (Glorot and Bengio 2010)."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def seen(frames: Tensor) -> Tensor:
    """Return frames (B, 1, Y, X) of whole numbers as the network sees them: squeezed, black -1, white 1."""
    rows, columns = (lanczos(size, SEEN) for size in frames.shape[2:])
    bright = frames.float() / torch.iinfo(frames.dtype).max
    return ((rows @ bright @ columns.T).clamp(0, 1) - 0.5) * 2


@lru_cache(maxsize=8)
def lanczos(size: int, wanted: int) -> Tensor:
    """Return the matrix (wanted, size) that resamples a line of pixels with Lanczos' kernel.

    Where a line gets shorter the kernel gets wider, so that nothing is skipped, as Pillow does it.
    """
    scale = size / wanted
    wide = max(scale, 1.0)
    centres = (torch.arange(wanted, dtype=torch.float64) + 0.5) * scale
    away = (torch.arange(size, dtype=torch.float64) + 0.5 - centres[:, None]) / wide
    weights = torch.sinc(away) * torch.sinc(away / TAPS) * (away.abs() < TAPS)
    return (weights / weights.sum(1, keepdim=True)).float()
