"""oneDNN's convolutions, called by name.

Left to choose, PyTorch takes a loop of its own for small float32 windows (ATen, native/Convolution.cpp,
``use_mkldnn``), which is ten times slower and holds every window many times; and it cannot add the result of
a convolution to a sum without holding it first.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d


@cache
def has_onednn(precision: torch.dtype) -> bool:
    """Whether oneDNN convolves in a precision on this processor."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return precision == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def convolved(image: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return the convolution of a picture (1, C, Y, X) with a kernel of odd side, zeros around it."""
    padding = weight.shape[-1] // 2
    if not has_onednn(image.dtype):
        return conv2d(image, weight, bias, stride, padding)
    sides = [padding] * 2, [stride] * 2, [1, 1]
    found: Tensor = torch.ops.aten.mkldnn_convolution(image, weight, bias, *sides, 1)
    return found


def add_convolved(total: Tensor, image: Tensor, weight: Tensor) -> None:
    """Add such a convolution, without bias or stride, to a sum that is there."""
    padding = weight.shape[-1] // 2
    if not has_onednn(image.dtype):
        total += conv2d(image, weight, padding=padding)
        return
    sides = [padding] * 2, [1, 1], [1, 1]
    torch.ops.mkldnn._convolution_pointwise_.binary(
        total, image, weight, None, *sides, 1, "add", 1.0, None, [], None
    )


def risen(image: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the transposed convolution of a picture (1, C, Y, X) to twice the size, by a kernel 4 x 4."""
    return conv_transpose2d(image, weight, bias, stride=2, padding=1)
