"""A network run layer by layer, in slabs: nothing is computed twice, and little more than one layer is held.

A layer needs of the one before only what lies within its own reach. A window walks through the volume along
its first axis, and what comes out takes the place of what went in::

    held     oooooooo|iiiiiiiiiiiiiiii      o: this layer's output, i: its input
    window        [<--|####|-->]            the slab that is computed (#), and the reach on both sides
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from medscience.errors import ModelError
from medscience.inference.tiling import Sizes
from medscience.models.meshnet import DepthToSpace, SpaceToDepth

SLAB = 4 << 20
"""Bytes of output that are computed at once: what stays in a processor's cache, but costs little to begin."""

ACTIVATIONS = (nn.ReLU, nn.ELU, nn.GELU)
KNOWN = (nn.Conv3d, nn.InstanceNorm3d, *ACTIVATIONS, SpaceToDepth, DepthToSpace)

Convolve = Callable[[Tensor], Tensor]
"""Takes a window (1, C, slices + 2 reach, J, K), gives (1, C', slices, J, K)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution that keeps the volume's size, and what follows it."""

    convolve: Convolve
    channels: tuple[int, int]
    """Of the input and of the output."""
    reach: int
    """Slices on each side that a slice of the output depends on."""
    normalised: bool
    """Whether each channel is brought to mean 0 and variance 1 over the volume, before the activation."""
    activate: Callable[[Tensor], Tensor] | None


class Layers:
    """The features of a network, computed layer by layer.

    Parameters
    ----------
    features : Sequential
        Convolutions that keep the volume's size, instance normalisation, activations, and cells.
    precision : dtype
        Of the tensors that are held; sums within a convolution are kept in float32.

    Raises
    ------
    ModelError
        If there is a layer of another kind.
    """

    def __init__(self, features: nn.Sequential, precision: torch.dtype) -> None:
        unknown = [type(part).__name__ for part in features if not isinstance(part, KNOWN)]
        if unknown:
            raise ModelError(
                "MODEL-LAYERS",
                field="features",
                found=", ".join(unknown),
                expected="convolutions, instance normalisation, activations and cells",
                fix="teach medscience.inference.layers the layer",
            )
        self.precision = precision
        self.weight_bytes = sum(p.nbytes for p in features.parameters())
        self.layers = list(_layers(features, precision))
        self._cells = next((part for part in features if isinstance(part, SpaceToDepth)), None)
        self._voxels = next((part for part in features if isinstance(part, DepthToSpace)), None)

    def __call__(self, image: Tensor) -> Tensor:
        """Map an image (1, 1, I, J, K) to features (1, C, I, J, K)."""
        i, j, k = image.shape[2:]
        held = image.to(self.precision, memory_format=torch.channels_last_3d)
        if self._cells:
            held = self._cells(held)
        for layer in self.layers:
            held = _run(layer, held)
        return self._voxels(held)[:, :, :i, :j, :k] if self._voxels else held

    @property
    def channels(self) -> int:
        """The most channels for each voxel that are held at once, of inputs and outputs."""
        cell = self._cells.cell**3 if self._cells else 1
        widths = [sum(set(layer.channels)) for layer in self.layers]
        spread = 2 * self.layers[-1].channels[1] if self._voxels else 0  # cells and voxels, side by side
        return -(-max(*widths, spread) // cell)

    def working_bytes(self, tile: Sizes) -> int:
        """Return what the widest window and its output hold, for a tile (I, J, K)."""
        cell = self._cells.cell if self._cells else 1
        slices, *plane = (-(-side // cell) for side in tile)
        return max(self._working_bytes(layer, slices, math.prod(plane)) for layer in self.layers)

    def _working_bytes(self, layer: Layer, slices: int, plane: int) -> int:
        before, after = layer.channels
        slab = min(slab_of(after * plane * self.precision.itemsize, layer.reach), slices)
        held = before * (slab + 4 * layer.reach) + after * slab * (2 if layer.activate else 1)
        normalised = 3 * 4 * after * min(slab, slices) if layer.normalised else 0
        return plane * max(held * self.precision.itemsize, normalised)


def slab_of(slice_bytes: int, reach: int) -> int:
    """Return how many slices are computed at once, given the bytes of one slice of output.

    Never fewer than the reach, or the window would copy more than it computes.
    """
    return max(SLAB // slice_bytes, reach, 1)


def _layers(features: nn.Sequential, precision: torch.dtype) -> Iterator[Layer]:
    parts = [part for part in features if not isinstance(part, SpaceToDepth | DepthToSpace)]
    starts = [n for n, part in enumerate(parts) if isinstance(part, nn.Conv3d)]
    for start, stop in zip(starts, [*starts[1:], len(parts)], strict=True):
        convolution, after = cast(nn.Conv3d, parts[start]), parts[start + 1 : stop]
        yield Layer(
            _convolve(convolution, precision),
            (convolution.in_channels, convolution.out_channels),
            convolution.dilation[0] * (convolution.kernel_size[0] // 2),
            any(isinstance(part, nn.InstanceNorm3d) for part in after),
            next((part for part in after if isinstance(part, ACTIVATIONS)), None),
        )


def _convolve(layer: nn.Conv3d, precision: torch.dtype) -> Convolve:
    """Return a layer's convolution without padding along the first axis, where the window has it."""
    weight = layer.weight.detach().to(precision, memory_format=torch.channels_last_3d)
    bias = None if layer.bias is None else layer.bias.detach().to(precision)
    padding = (0, *layer.padding[1:])

    def convolve(window: Tensor) -> Tensor:
        return nn.functional.conv3d(window, weight, bias, 1, padding, layer.dilation)

    return convolve


def _run(layer: Layer, held: Tensor) -> Tensor:
    """Return the output of a layer, in the place of its input where that has as many channels."""
    result = held if layer.channels[0] == layer.channels[1] else _like(held, layer.channels[1], held.shape[2])
    for slab, window in _windows(held, layer, result):
        found = layer.convolve(window)
        result[:, :, slab] = found if layer.normalised or not layer.activate else layer.activate(found)
    if layer.normalised:
        _normalise(result, layer)
    return result


def _windows(held: Tensor, layer: Layer, result: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield slabs, and for each a copy of what it depends on, with zeros outside of the volume.

    A slab of `held` is not read again once its window was yielded.
    """
    reach, n = layer.reach, held.shape[2]
    slices = min(slab_of(result[:, :, :1].nbytes, reach), n)
    window = _like(held, held.shape[1], slices + 2 * reach).zero_()
    window[:, :, reach : 2 * reach][:, :, :n] = held[:, :, :reach]
    for start in range(0, n, slices):
        ahead = held[:, :, start + reach : start + reach + slices]
        window[:, :, 2 * reach : 2 * reach + ahead.shape[2]] = ahead
        window[:, :, 2 * reach + ahead.shape[2] :] = 0
        stop = min(start + slices, n)
        yield slice(start, stop), window[:, :, : stop - start + 2 * reach]
        window[:, :, : 2 * reach] = window[:, :, slices:].clone()


def _normalise(result: Tensor, layer: Layer) -> None:
    """Bring each channel to mean 0 and variance 1 over the volume, and activate, in place."""
    slices = slab_of(result[:, :, :1].nbytes, 1)
    slabs = torch.split(result, slices, dim=2)
    voxels = result[0, 0].numel()

    def mean_of(values: Callable[[Tensor], Tensor]) -> Tensor:
        sums = [values(slab).sum((0, 2, 3, 4), dtype=torch.float64) for slab in slabs]
        return (torch.stack(sums).sum(0) / voxels).float().view(1, -1, 1, 1, 1)

    mean = mean_of(lambda slab: slab.float())
    variance = mean_of(lambda slab: (slab.float() - mean).square_())
    scale = torch.rsqrt(variance + nn.InstanceNorm3d(1).eps)
    for slab in slabs:
        values = (slab.float() - mean) * scale
        slab.copy_(layer.activate(values) if layer.activate else values)


def _like(held: Tensor, channels: int, slices: int) -> Tensor:
    shape = (1, channels, slices, *held.shape[3:])
    return torch.empty(shape, dtype=held.dtype).contiguous(memory_format=torch.channels_last_3d)
