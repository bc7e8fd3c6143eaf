"""Convolutions by oneDNN, called by name.

Left to choose, PyTorch takes a loop of its own for small float32 images (ATen, native/Convolution.cpp,
``use_mkldnn``), which is up to ten times slower and holds every window as often as the kernel has weights.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d

LAYOUT = {4: torch.channels_last, 5: torch.channels_last_3d}
"""How images and weights of so many axes lie in memory, so that nothing is turned round for oneDNN."""


@cache
def has_onednn(precision: torch.dtype) -> bool:
    """Whether oneDNN convolves in a precision on this processor."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if precision == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return precision == torch.float32


def may_have_tiles(precision: torch.dtype) -> bool:
    """Whether there are processors that multiply tiles of numbers of a precision, this one or another."""
    return precision == torch.bfloat16


@cache
def has_tiles(precision: torch.dtype) -> bool:
    """Whether this processor multiplies tiles (AMX) of numbers of a precision.

    oneDNN's convolution is then fast only if kernels see neighbours: one whose slices and rows lie 16 apart
    takes 25 times as long.
    """
    return may_have_tiles(precision) and bool(torch.cpu.get_capabilities().get("amx_bf16"))


def takes_onednn(x: Tensor) -> bool:
    """Whether oneDNN convolves this image: it does only in a processor's memory."""
    return x.device.type == "cpu" and has_onednn(x.dtype)


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Sequence[int],
    stride: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
) -> Tensor:
    """Return the convolution of an image (B, C, ...) with weights (C', C, ...); for prediction only."""
    ones = [1] * (x.dim() - 2)
    how = list(stride or ones), list(dilation or ones)
    if takes_onednn(x):
        found: Tensor = torch.ops.aten.mkldnn_convolution(x, weight, bias, list(padding), *how, 1)
        return found
    plain = conv2d if x.dim() == 4 else conv3d
    return plain(x, weight, bias, how[0], list(padding), how[1])


class Convolution(nn.Module):
    """A convolution for prediction: with the same weights, by oneDNN where it can."""

    def __init__(self, conv: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach().contiguous(memory_format=LAYOUT[conv.weight.dim()]))
        self.bias = conv.bias
        self.padding, self.stride, self.dilation = cast(Any, (conv.padding, conv.stride, conv.dilation))

    def forward(self, x: Tensor) -> Tensor:
        return convolved(x, self.weight, self.bias, self.padding, self.stride, self.dilation)
