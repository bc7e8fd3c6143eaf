"""Neighbouring columns as channels: a network of few channels fills a processor's vectors.

oneDNN multiplies channels in vectors of 16 numbers. Of 5 channels two thirds of each would be empty, so
columns side by side are taken for one with more channels. With channels last they lie like that already::

    columns      a b c d e f     5 channels each
    abreast      ab  cd  ef      10 channels each

Its kernel has the network's weights where one column looks at another, and zeros elsewhere: two columns
abreast are twice the work at half as many places, in fuller vectors.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from medscience.models.onednn import convolved

LANES = 16
"""Numbers of a vector, of those that oneDNN adds up in float32."""

ALONE = 1


def abreast(channels: int) -> int:
    """Return how many columns of so many channels fit a vector, a power of two as dilations are.

    >>> [abreast(channels) for channels in (3, 5, 8, 10, 20)]
    [4, 2, 2, 1, 1]
    """
    return 1 << max(LANES // channels, 1).bit_length() - 1


def fits(dilation: int, kernel: int, columns: int) -> bool:
    """Whether a kernel's taps lie in few blocks of columns: in the next ones, or each in one of its own."""
    return dilation % columns == 0 or dilation * (kernel // 2) <= columns


@dataclass(frozen=True, slots=True)
class Kernel:
    """A convolution of columns abreast."""

    columns: int
    """How many are abreast; 1: each is alone."""
    weight: Tensor
    """Shape (columns C', columns C, I, J, taps)."""
    bias: Tensor | None
    dilation: tuple[int, int, int]
    """Along the last axis in blocks of columns."""

    @classmethod
    def of(
        cls, weight: Tensor, bias: Tensor | None, dilation: tuple[int, int, int], columns: int
    ) -> "Kernel":
        """Return the kernel for some columns abreast.

        Parameters
        ----------
        weight, bias : Tensor
            Of the convolution, shape (C', C, I, J, K) with K odd, and (C',).
        dilation : tuple of int
            Of the convolution; along its last axis it `fits`.
        """
        if columns == ALONE:
            return cls(columns, weight, bias, dilation)
        after, before, slices, rows, taps = weight.shape
        step = dilation[2] // columns if dilation[2] % columns == 0 else 1
        beside = -(-(taps // 2) * dilation[2] // columns) // step
        wide = weight.new_zeros(columns, after, columns, before, slices, rows, 2 * beside + 1)
        for into in range(columns):
            for tap in range(taps):
                block, out_of = divmod(into + (tap - taps // 2) * dilation[2], columns)
                wide[into, :, out_of, ..., block // step + beside] = weight[..., tap]
        folded = wide.flatten(2, 3).flatten(0, 1).contiguous(memory_format=torch.channels_last_3d)
        return cls(columns, folded, None if bias is None else bias.repeat(columns), (*dilation[:2], step))

    def __call__(self, windows: Tensor, padding: tuple[int, int, int]) -> Tensor:
        """Convolve windows (B, C, I, J, K) with channels last.

        Parameters
        ----------
        padding : tuple of int
            Zeros on both sides of each axis, along the last a multiple of `columns`.
        """
        if self.columns == ALONE:
            return convolved(windows, self.weight, self.bias, padding, dilation=self.dilation)
        wide = windows.shape[4]
        if missing := -wide % self.columns:
            windows = pad(windows, (0, missing)).contiguous(memory_format=torch.channels_last_3d)
        around = *padding[:2], padding[2] // self.columns
        blocks = _as_wide(windows, windows.shape[1] * self.columns)
        found = convolved(blocks, self.weight, self.bias, around, dilation=self.dilation)
        alone = _as_wide(found, found.shape[1] // self.columns)
        return alone[..., : alone.shape[4] - missing]


def _as_wide(values: Tensor, channels: int) -> Tensor:
    """Return the same memory (B, C, I, J, K), channels last, as so many channels of more or fewer columns."""
    batch, _, slices, rows, _ = values.shape
    return values.movedim(1, -1).reshape(batch, slices, rows, -1, channels).movedim(-1, 1)
