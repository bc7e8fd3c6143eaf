"""Nearest upsampling followed by a 3-wide convolution, as smaller convolutions before the upsampling.

Of three neighbours in an image that was doubled by repetition, two are the same voxel. So each voxel of the
doubled image is a 2-wide convolution of the original one, with two of the three weights added; which two
depends on whether it is the first or the second of its pair::

    doubled      a a|b b|c c        first of b:   a  b b    ->   w0 a + (w1 + w2) b
    weights      w0 w1 w2           second of b:    b b  c  ->   (w0 + w1) b + w2 c

In three dimensions that is 8 products instead of 27 for each voxel (Shi et al. 2016, arXiv:1609.05158, where
such weights are learnt). Zero padding is the same in both.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from medscience.models.onednn import LAYOUT, convolved


class SubPixel(nn.Module):
    """What nearest upsampling and then a convolution compute; for prediction only.

    Parameters
    ----------
    conv : Conv2d or Conv3d
        3-wide, zero-padded by 1.
    factor : sequence of int
        By how much was upsampled along each axis: 1 or 2.
    """

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, factor: Sequence[int]) -> None:
        super().__init__()
        self.factor = tuple(factor)
        self.places = list(product(*(range(each) for each in self.factor)))
        self.layout = LAYOUT[conv.weight.dim()]
        weights = [_weight(conv.weight.detach(), self.factor, place) for place in self.places]
        self.weights = nn.ParameterList(weight.contiguous(memory_format=self.layout) for weight in weights)
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        sizes, others = x.shape[2:], x.dim() - 3
        shape = [x.shape[0], len(self.weights[0]), *(n * f for n, f in zip(sizes, self.factor, strict=True))]
        doubled = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=self.layout)
        # a 2-wide convolution that pads at both ends answers one voxel too many: along the first axis, that
        # of slices, which are few, none of these is computed
        ahead = self.factor[0] == 2
        if ahead:
            x = pad(x, [0, 0] * others + [1, 1]).contiguous(memory_format=self.layout)
        for place, weight in zip(self.places, self.weights, strict=True):
            seen = x[:, :, place[0] : place[0] + sizes[0] + 1] if ahead else x
            found = convolved(seen, weight, self.bias, [int(not ahead), *[1] * others])
            starts = (0 if ahead else place[0], *place[1:])
            answered = [slice(start, start + n) for start, n in zip(starts, sizes, strict=True)]
            every = [slice(start, None, step) for start, step in zip(place, self.factor, strict=True)]
            doubled[_spatial(every)] = found[_spatial(answered)]
        return doubled


def _spatial(parts: list[slice]) -> tuple[slice, ...]:
    return slice(None), slice(None), *parts


def _weight(weight: Tensor, factor: tuple[int, ...], place: tuple[int, ...]) -> Tensor:
    """Return the weights for the voxels at one place of their cells."""
    for axis, (each, second) in enumerate(zip(factor, place, strict=True), start=2):
        if each == 2:
            w0, w1, w2 = (weight.narrow(axis, n, 1) for n in range(3))
            weight = torch.cat([w0 + w1, w2] if second else [w0, w1 + w2], dim=axis)
    return weight
