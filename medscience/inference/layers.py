"""A network run layer by layer, in slabs: nothing is computed twice, and little more than one layer is held.

A layer needs of the one before only what lies within its own reach. So slabs of slices are computed one after
another, and what comes out is written over what went in, a reach further down, where nobody looks any more::

    held     oooooooo|..iiiiiiiiiiiiiiii     o: this layer's output, i: its input
    seen              [<-|####|->]           the slab that is computed (#), and the reach on both sides

The next layer may walk the other way, so that the volume stays where it is but for a few slices.

Of a tile only the inner part is wanted, without its halo. So each layer is narrower than the one before, by
its own reach: what nothing wanted follows from is not computed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from medscience.errors import ModelError
from medscience.inference.abreast import ALONE, Kernel, abreast, fits
from medscience.inference.background import Scene, pays, small_sides
from medscience.inference.memory import freed_memory_kept
from medscience.inference.moving import Held
from medscience.inference.tiling import Region, Sizes, grown, relative
from medscience.models.meshnet import DepthToSpace, SpaceToDepth
from medscience.models.onednn import has_onednn, has_tiles, may_have_tiles
from medscience.progress import Tell, nobody

SLAB = 8 << 20
"""Bytes of output that are computed at once: what stays in a processor's cache, but costs little to begin."""

GPU_SLAB = 64 << 20
"""The same on a GPU, which many small steps would leave idle; chosen, not measured."""

KEEPING = 128 << 20
"""Bytes of a volume from which on memory of freed slabs is kept for the next. Smaller volumes are done soon,
and there what is kept would count."""

EVERYTHING = 1 << 30
"""A reach beyond every border."""

ACTIVATIONS = (nn.ReLU, nn.ELU, nn.GELU)
KNOWN = (nn.Conv3d, nn.InstanceNorm3d, *ACTIVATIONS, SpaceToDepth, DepthToSpace)

Padding = tuple[int, int, int]
"""Zeros that a convolution puts on both sides of a window, along its axes."""

SURROUNDED = 0, 0, 0
"""Of windows that have what lies around them along all axes."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution that keeps the volume's size, and what follows it."""

    convolve: Kernel
    """Takes windows (B, C, slices + 2 reach, J, K) and their padding, gives (B, C', slices, J, K)."""
    padding: Padding
    """Of windows that have whole rows and columns: as many columns as are read on each side."""
    channels: tuple[int, int]
    """Of the input and of the output."""
    reach: int
    """Slices on each side that a slice of the output depends on."""
    apart: int
    """How far apart slices and rows lie that are taken out and convolved as neighbours: as far as those of
    the kernel, or 1 where the convolution itself leaves out what is between."""
    columns: int
    """Numbers that the convolution holds of its own for each voxel of its output."""
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
    kind : str
        Of the device for which it is planned: ``cpu`` or ``cuda``. It computes where its weights are.
    skips : bool
        Whether background is copied where it can be: see `medscience.inference.background`.

    Raises
    ------
    ModelError
        If there is a layer of another kind.
    """

    def __init__(
        self, features: nn.Sequential, precision: torch.dtype, kind: str = "cpu", *, skips: bool = False
    ) -> None:
        unknown = [type(part).__name__ for part in features if not isinstance(part, KNOWN)]
        if unknown:
            raise ModelError(
                "MODEL-LAYERS",
                field="features",
                found=", ".join(unknown),
                expected="convolutions, instance normalisation, activations and cells",
                fix="teach medscience.inference.layers the layer",
            )
        self.precision, self.kind = precision, kind
        self.device = next(features.parameters()).device
        self.weight_bytes = sum(p.nbytes for p in features.parameters())
        self._abreast = _abreast(features, precision)
        self.layers = list(_layers(features, precision, kind, self._abreast))
        self.room = max(layer.reach for layer in self.layers)
        self._reach_after = _reach_after(self.layers)
        self._reach = sum(layer.reach for layer in self.layers)
        self._skips = skips and not any(layer.normalised for layer in self.layers)
        self._cells = next((part for part in features if isinstance(part, SpaceToDepth)), None)
        self.cell = self._cells.cell if self._cells else 1
        self.alignment = self.cell * self._abreast
        """Voxels of which a tile's start must be a multiple, for the same bits wherever tiles lie."""
        self._voxels = next((part for part in features if isinstance(part, DepthToSpace)), None)

    def __call__(self, image: Tensor, tell: Tell = nobody, keep: Region | None = None) -> Tensor:
        """Map an image (1, 1, I, J, K) to features (1, C, ...) of what is to be kept of it.

        Parameters
        ----------
        image : Tensor
            A tile.
        tell : callable
            Hears of every layer.
        keep : tuple of slice, optional
            Part of the tile; all of it if not given. On each side the tile ends where the volume does, or
            there is as much halo as the network's reach.
        """
        keep = keep or tuple(slice(0, side) for side in image.shape[2:])
        cells = image.to(self.device, self.precision, memory_format=torch.channels_last_3d)
        if self._cells:
            cells = self._cells(cells)
        widest = (
            max(layer.channels[1] for layer in self.layers) * cells[0, 0].numel() * self.precision.itemsize
        )
        with freed_memory_kept() if widest >= KEEPING else nullcontext():
            wanted = self._whole_blocks(_in_cells(keep, self.cell), cells.shape[4])
            found = self._narrowing(cells, wanted, tell)
        first = [self.cell * part.start for part in wanted]
        i, j, k = (slice(part.start - n, part.stop - n) for part, n in zip(keep, first, strict=True))
        return (self._voxels(found) if self._voxels else found)[:, :, i, j, k]

    def _narrowing(self, cells: Tensor, wanted: Region, tell: Tell) -> Tensor:
        """Run all layers over a tile of cells, each only where a wanted cell follows from it."""
        held, shape = Held.all_of(cells), tuple(cells.shape[2:])
        seen = tuple(slice(0, side) for side in shape)
        scene = Scene.of(cells, self._reach, self._abreast) if self._skips else None
        for done, (layer, reach) in enumerate(zip(self.layers, self._reach_after, strict=True), start=1):
            following = self._whole_blocks(grown(wanted, reach, shape), shape[2])
            part = relative(following, seen)
            if scene:
                scene = scene.after(partial(_alone, layer), layer.reach)
            held = _run(layer, held, self.room, scene).narrowed(part)
            scene = scene and scene.narrowed(part)
            seen = following
            tell(done, len(self.layers))
        return held.volume

    def _whole_blocks(self, box: Region, columns: int) -> Region:
        """Return a box whose columns are whole blocks of those abreast, as far as there are columns."""
        slices, rows, part = box
        stop = -(-part.stop // self._abreast) * self._abreast
        return slices, rows, slice(part.start // self._abreast * self._abreast, min(stop, columns))

    @property
    def reaches(self) -> tuple[int, ...]:
        """Voxels on each side of what is wanted that each layer is computed for."""
        pairs = zip(self.layers, self._reach_after, strict=True)
        return tuple(self.cell * (layer.reach + after) for layer, after in pairs)

    per_kept = 0
    """Bytes of a voxel that is kept, beside those of `channels`."""

    @property
    def parts(self) -> int:
        """Into how many parts work is divided to tell of it."""
        return len(self.layers)

    @property
    def channels(self) -> int:
        """The most channels for each voxel that are held at once, of inputs and outputs."""
        widths = [sum(set(layer.channels)) for layer in self.layers]
        spread = 2 * self.layers[-1].channels[1] if self._voxels else 0  # cells and voxels, side by side
        return -(-max(*widths, spread) // self.cell**3)

    def working_bytes(self, tile: Sizes) -> int:
        """Return what the room to move and the largest slab hold, for a tile (I, J, K)."""
        slices, rows, columns = (-(-side // self.cell) for side in tile)
        room = 2 * self.room * max(layer.channels[1] for layer in self.layers)
        slab = max(self._slab_bytes(layer, slices, (rows, columns)) for layer in self.layers)
        backdrop = self._backdrop_bytes((slices, rows, columns))
        return room * rows * columns * self.precision.itemsize + slab + backdrop

    def _backdrop_bytes(self, sides: Sizes) -> int:
        """Bytes of a backdrop before and after a layer and widened between, and of a slice that is copied."""
        if not (self._skips and pays(sides, self._reach, self._abreast)):
            return 0
        widest = max(layer.channels[1] for layer in self.layers)
        voxels = 3 * math.prod(small_sides(sides, self._reach, self._abreast)) + 2 * math.prod(sides[1:])
        return widest * voxels * self.precision.itemsize

    def _slab_bytes(self, layer: Layer, slices: int, plane: tuple[int, int]) -> int:
        before, after = layer.channels
        slab = min(slab_of(layer, plane, self.precision.itemsize, self.kind), slices)
        window = before * (slab + 2 * layer.reach // layer.apart)
        copies = (layer.apart > 1) + bool(plane[1] % layer.convolve.columns)
        held = (1 + copies) * window + after * slab * (2 if layer.activate else 1)
        held += layer.columns * slab
        normalised = 3 * 4 * after * slab if layer.normalised else 0
        voxels = -(-plane[0] // layer.apart) * layer.apart * plane[1]
        return voxels * max(held * self.precision.itemsize, normalised)


def _reach_after(layers: Sequence[Layer]) -> list[int]:
    """Return for each layer how far those that follow it look; at everything, if one of them normalises."""
    reach, found = 0, []
    for layer in reversed(layers):
        found.append(reach)
        reach = EVERYTHING if layer.normalised else reach + layer.reach
    return found[::-1]


def _in_cells(region: Region, cell: int) -> Region:
    """Return the cells that hold a region's voxels."""
    return tuple(slice(part.start // cell, -(-part.stop // cell)) for part in region)


def slab_of(layer: Layer, plane: tuple[int, ...], itemsize: int, kind: str) -> int:
    """Return how many slices of a layer are computed at once on a kind of device.

    Fewer than the reach would pad and read more than they compute.
    """
    size = GPU_SLAB if kind == "cuda" else SLAB
    return max(size // (layer.channels[1] * math.prod(plane) * itemsize), layer.reach // layer.apart, 1)


def _abreast(features: nn.Sequential, precision: torch.dtype) -> int:
    """Return how many columns go abreast on a processor that multiplies tiles.

    Tiles lie accordingly on all machines and devices: who plans a prediction need not be who computes it.
    """
    widest = max(part.out_channels for part in features if isinstance(part, nn.Conv3d))
    return abreast(widest) if may_have_tiles(precision) else ALONE


def _layers(features: nn.Sequential, precision: torch.dtype, kind: str, columns: int) -> Iterator[Layer]:
    parts = [part for part in features if not isinstance(part, SpaceToDepth | DepthToSpace)]
    starts = [n for n, part in enumerate(parts) if isinstance(part, nn.Conv3d)]
    tiled = kind == "cpu" and has_tiles(precision)
    for start, stop in zip(starts, [*starts[1:], len(parts)], strict=True):
        convolution, after = cast(nn.Conv3d, parts[start]), parts[start + 1 : stop]
        apart = convolution.dilation[0] if tiled else 1
        kernel = _kernel(convolution, precision, apart, columns if tiled else ALONE)
        yield Layer(
            kernel,
            _padding(convolution, apart, kernel.columns),
            (convolution.in_channels, convolution.out_channels),
            convolution.dilation[0] * (convolution.kernel_size[0] // 2),
            apart,
            _columns(convolution, precision, kind),
            any(isinstance(part, nn.InstanceNorm3d) for part in after),
            next((part for part in after if isinstance(part, ACTIVATIONS)), None),
        )


def _columns(layer: nn.Conv3d, precision: torch.dtype, kind: str) -> int:
    """A GPU may hold input and output once more, in an order of its own."""
    if kind == "cuda":
        return layer.in_channels + layer.out_channels
    return 0 if has_onednn(precision) else layer.weight[0].numel()


def _kernel(layer: nn.Conv3d, precision: torch.dtype, apart: int, columns: int) -> Kernel:
    """Return a layer's convolution of windows whose slices and rows were `apart`.

    There is no padding along the first axis: the window has it. Columns are abreast where that is possible.
    """
    weight = layer.weight.detach().to(precision, memory_format=torch.channels_last_3d)
    bias = None if layer.bias is None else layer.bias.detach().to(precision)
    near = layer.dilation[0] // apart
    suits = fits(layer.dilation[2], layer.kernel_size[2], columns)
    return Kernel.of(weight, bias, (near, near, layer.dilation[2]), columns if suits else ALONE)


def _padding(layer: nn.Conv3d, apart: int, abreast: int) -> Padding:
    """Return a layer's padding of windows whose slices and rows were `apart`, in whole blocks of columns."""
    _, rows, columns = cast(Padding, layer.padding)
    return 0, rows // apart, -(-columns // abreast) * abreast


def _alone(layer: Layer, volume: Tensor) -> Tensor:
    """Return the output of a layer for a volume that is kept."""
    return _run(layer, Held.all_of(volume.contiguous(memory_format=torch.channels_last_3d)), 0, None).volume


def _run(layer: Layer, held: Held, room: int, scene: Scene | None) -> Held:
    """Return the output of a layer, in the place of its input where that has as many channels."""
    before, after = layer.channels
    in_place = before == after and held.can_move(layer.reach)
    result = held.moved(layer.reach) if in_place else held.like(after, room)
    for first in range(min(layer.apart, held.slices)):
        part = scene and scene.every(layer.apart, first)
        _sweep(layer, held.every(layer.apart, first), result.every(layer.apart, first), part)
    if layer.normalised:
        slices = slab_of(layer, held.plane, held.tensor.itemsize, held.tensor.device.type)
        _normalise(result.volume, slices, layer)
    return result


def _sweep(layer: Layer, held: Held, result: Held, scene: Scene | None) -> None:
    """Convolve slices that the kernel sees as neighbours, slab by slab."""
    slices = slab_of(layer, held.plane, held.tensor.itemsize, held.tensor.device.type)
    starts, reach = range(0, held.slices, slices), layer.reach // layer.apart
    everything = tuple(slice(0, side) for side in held.plane)
    for start in starts if result.start <= held.start else reversed(starts):
        stop = min(start + slices, held.slices)
        slab, wide = result.volume[:, :, start:stop], slice(start - reach, stop + reach)
        box = scene.box(start, stop, layer.reach) if scene else everything
        # all of it is convolved before any is stored: it may be stored where it was seen
        found = _convolved(layer, held, (wide, *box), everything) if box else []
        if scene and box != everything:
            scene.paint(slab, start, box)
        for first, image in enumerate(found):
            rows = slab[(..., *box)][:, :, :, first :: layer.apart]
            _store(layer, image[:, :, :, : rows.shape[3]], rows)


def _convolved(layer: Layer, held: Held, box: Region, everything: Region) -> Sequence[Tensor]:
    """Return the convolution of a box, each `apart`-th row an image of its own."""
    slices, rows, columns = box
    padding = layer.padding
    if (rows, columns) != everything:
        rows, columns, padding = _wider(rows, layer.reach), _wider(columns, layer.padding[2]), SURROUNDED
    window = _rows_apart(held.seen((slices, rows, columns)), layer.apart)
    return torch.split(layer.convolve(window, padding), 1)


def _wider(part: slice, reach: int) -> slice:
    return slice(part.start - reach, part.stop + reach)


def _rows_apart(window: Tensor, apart: int) -> Tensor:
    """Return each `apart`-th row of a window (1, C, slices, J, K) as an image of its own.

    From (apart, C, slices, J / apart, K) the first has the rows from the first on, and so on; where rows
    have run out it has zeros.
    """
    if apart == 1:
        return window.contiguous(memory_format=torch.channels_last_3d)
    if missing := -window.shape[3] % apart:
        window = pad(window, (0, 0, 0, missing))
    channels, slices, rows, columns = window.shape[1:]
    images = window.reshape(channels, slices, rows // apart, apart, columns).movedim(3, 0)
    return images.contiguous(memory_format=torch.channels_last_3d)


def _store(layer: Layer, found: Tensor, result: Tensor) -> None:
    if isinstance(layer.activate, nn.ReLU) and not layer.normalised:
        torch.clamp_min(found, 0, out=result)  # one pass less
    else:
        result.copy_(found if layer.normalised or not layer.activate else layer.activate(found))


def _normalise(result: Tensor, slices: int, layer: Layer) -> None:
    """Bring each channel to mean 0 and variance 1 over the volume, and activate, in place."""
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
