"""Sums of convolutions in the plane, along z and along t, for one slice with all its phases.

Phases are computed one after another, so that a sum stays in a processor's cache while convolutions are added
to it. The middle taps of all three convolutions meet at the same voxel: they are added beforehand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medscience.inference.planes import add_convolved, convolved, risen
from medscience.models.separable import Trio

Slice = list[Tensor]
"""What all phases show at one z: tensors (1, C, Y, X), channels last."""
Window = tuple[Slice, Slice, Slice]
"""A slice between its neighbours along z: before, here, after."""

RISE = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Along an axis: three taps on voxels that stand twice, as four taps of a transposed convolution."""


@dataclass(frozen=True, slots=True)
class Taps:
    """The weights with which a trio sees one of its inputs."""

    plane: Tensor
    """Shape (C', C, 3, 3), with the middle taps along z and t; the others have the shape (C', C, 1, 1)."""
    earlier: Tensor
    later: Tensor
    before: Tensor | None
    """None where the trio does not look along z; so is `after`."""
    after: Tensor | None

    def around(self, phase: int, window: Window) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the neighbours of a phase along t and z, each with its weight."""
        before, here, after = window
        yield here[phase - 1], self.earlier
        yield here[(phase + 1) % len(here)], self.later
        if self.before is not None and self.after is not None:
            yield before[phase], self.before
            yield after[phase], self.after


class Sum:
    """A trio, made ready.

    Parameters
    ----------
    trio : Trio
        The convolutions.
    precision : dtype
        Of slices; a convolution adds up in float32.
    inputs : int
        Into how many slices its input channels are divided: they are read from where they are.
    """

    def __init__(self, trio: Trio, precision: torch.dtype, inputs: int = 1) -> None:
        plane, t, z = _kernels(trio)
        kernels = [plane, *_outer(t), *([None, None] if z is None else _outer(z))]
        self.taps = [
            Taps(*each) for each in zip(*(_parts(k, inputs, precision) for k in kernels), strict=True)
        ]
        self.bias = _bias(trio).to(precision)

    def __call__(self, windows: Sequence[Window]) -> Iterator[Tensor]:
        """Yield the sum for each phase, given the window of each input."""
        for phase in range(len(windows[0][1])):
            total = convolved(windows[0][1][phase], self.taps[0].plane, self.bias)
            for taps, (_, here, _) in zip(self.taps[1:], windows[1:], strict=True):
                add_convolved(total, here[phase], taps.plane)
            for taps, window in zip(self.taps, windows, strict=True):
                for picture, weight in taps.around(phase, window):
                    add_convolved(total, picture, weight)
            yield total


class RisingSum:
    """A trio that sees every voxel of its input as 2 x 2 voxels in the plane, which are never made.

    In the plane that is a transposed convolution, in which four taps meet at a voxel instead of nine. Along z
    and t all four see the same, so that it is computed once for them.
    """

    def __init__(self, trio: Trio, precision: torch.dtype) -> None:
        self._sum = Sum(trio, precision)
        rise = RISE.to(trio.xy.weight.device, trio.xy.weight.dtype)
        kernel = (rise @ _kernels(trio)[0] @ rise.T).transpose(0, 1)
        self._kernel = kernel.to(precision, memory_format=torch.channels_last)

    def __call__(self, windows: Sequence[Window]) -> Iterator[Tensor]:
        """Yield the sum for each phase, given the window of the only input."""
        ((taps,), (window,)) = self._sum.taps, windows
        for phase, picture in enumerate(window[1]):
            total = risen(picture, self._kernel, self._sum.bias)
            (first, weight), *more = taps.around(phase, window)
            once = convolved(first, weight)
            for neighbour, its_weight in more:
                add_convolved(once, neighbour, its_weight)
            batch, channels, rows, columns = once.shape
            total.view(batch, channels, rows, 2, columns, 2).add_(once[:, :, :, None, :, None])
            yield total


def in_plane(layer: nn.Conv3d, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return kernel (C', C, 3, 3) and bias of a convolution in the plane, made ready."""
    return _ready(layer.weight.detach()[:, :, 0], precision), _float(layer.bias).to(precision)


def along_z(layer: nn.Conv3d, precision: torch.dtype) -> tuple[list[Tensor], Tensor]:
    """Return the three taps (C', C, 1, 1) and the bias of a convolution along z, made ready."""
    taps = layer.weight.detach()[:, :, 0]
    return [_ready(taps[:, :, n : n + 1], precision) for n in range(3)], _float(layer.bias).to(precision)


def _kernels(trio: Trio) -> tuple[Tensor, Tensor, Tensor | None]:
    """The plane's kernel (C', C, 3, 3) with all middle taps; those along t and z, (C', C, 3, 1)."""
    plane, t = trio.xy.weight.detach()[:, :, 0].clone(), trio.t.weight.detach()[:, :, :, 0]
    z = None if trio.flat else trio.z.weight.detach()[:, :, 0]
    for line in (t, z):
        if line is not None:
            plane[:, :, 1, 1] += line[:, :, 1, 0]
    return plane, t, z


def _bias(trio: Trio) -> Tensor:
    layers = [trio.xy, trio.t, *([] if trio.flat else [trio.z])]
    return torch.stack([_float(layer.bias) for layer in layers]).sum(dim=0)


def _float(bias: Tensor | None) -> Tensor:
    if bias is None:
        raise TypeError("these blocks have a bias in every convolution")
    return bias.detach()


def _outer(line: Tensor) -> tuple[Tensor, Tensor]:
    return line[:, :, :1], line[:, :, 2:]


def _parts(kernel: Tensor | None, inputs: int, precision: torch.dtype) -> list[Tensor | None]:
    """A kernel's share of each input."""
    if kernel is None:
        return [None] * inputs
    return [_ready(part, precision) for part in kernel.chunk(inputs, dim=1)]


def _ready(kernel: Tensor, precision: torch.dtype) -> Tensor:
    return kernel.to(precision).contiguous(memory_format=torch.channels_last)
