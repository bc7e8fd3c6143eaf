"""Convolutions of pictures with zeros around them, and such as are added to a sum at once."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from medscience.models import onednn
from medscience.models.onednn import takes_onednn


def convolved(image: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return the convolution of a picture (1, C, Y, X) with a kernel of odd side, zeros around it."""
    return onednn.convolved(image, weight, bias, [weight.shape[-1] // 2] * 2, [stride] * 2)


def add_convolved(total: Tensor, image: Tensor, weight: Tensor) -> None:
    """Add such a convolution, without bias or stride, to a sum that is there."""
    padding = weight.shape[-1] // 2
    if not takes_onednn(image):
        total += conv2d(image, weight, padding=padding)
        return
    sides = [padding] * 2, [1, 1], [1, 1]
    torch.ops.mkldnn._convolution_pointwise_.binary(
        total, image, weight, None, *sides, 1, "add", 1.0, None, [], None
    )


def risen(image: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the transposed convolution of a picture (1, C, Y, X) to twice the size, by a kernel 4 x 4."""
    return conv_transpose2d(image, weight, bias, stride=2, padding=1)
