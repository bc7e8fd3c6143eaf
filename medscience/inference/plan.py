"""What a prediction will take, before it runs: tile, halo and peak memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np

from medscience.errors import MemoryPromiseError
from medscience.inference.link import Link, Region
from medscience.inference.tiling import Sizes

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
"""Bytes in a unit of memory, as Slurm counts them."""

SIDE = 64
"""Blocks that are chosen here have sides of whole multiples of this many voxels."""

SLAB = 2 * SIDE
"""Most slices of a block where whole slices must be seen."""

PIECE = 48
"""Sides of the pieces in which features are interpolated."""

PLACES = 36
"""Numbers of 4 bytes for each voxel that it takes to know where it lies: indices and places, in float64."""

SHARING = 64 << 20
"""Bytes that each process holds to share blocks with others: what talks to them; measured, rounded up."""


@dataclass(frozen=True, slots=True)
class OnGpu:
    """What a network holds in a GPU's memory, and what it may."""

    memory: int
    """Bytes that may be used."""
    held: "Footprint"

    def bytes(self, link: Link, tile: Sizes) -> int:
        """Return what is held there for a tile."""
        each = self.held.per_voxel + self.held.per_kept
        voxels = each * math.prod(tile) + self.held.working_bytes(tile)
        return self.held.fixed + voxels + _between(link, self.held)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a network holds in memory, measured on the network itself."""

    fixed: int
    """Bytes of the process with its libraries and weights, before it sees a voxel."""
    per_voxel: int
    """Bytes for each voxel of a tile, at the worst moment."""
    per_kept: int = 0
    """Bytes beside that for each voxel of a tile without its halo."""
    channels: int = 0
    """Features of a voxel, which are float32 while they are interpolated."""
    decision_bytes: int = 1
    """What is kept of a voxel of the answer."""
    working_bytes: Callable[[Sizes], int] = lambda tile: 0
    """Bytes for a tile that do not grow with each of its sides, such as the slab that is computed."""
    gpu: OnGpu | None = None
    """The same in a GPU's memory; None where processors compute."""
    reaches: tuple[int, ...] = ()
    """Voxels on each side of a block that each layer is computed for; none: all of them the whole tile."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a prediction will be done."""

    block: Sizes
    """Voxels that one unit of work writes, along (z, y, x)."""
    tile: Sizes
    """Voxels that the network sees for it, along the frame's axes; `halo` too."""
    halo: Sizes
    blocks: int
    predicted_bytes: int
    """Largest resident memory of the process, or of all processes together."""
    computed: int
    """Voxels for which a layer is computed, the mean of all layers: of blocks, and around them."""
    workers: int = 1
    """Processes that share the blocks; with more than one, another one writes what they find."""
    blend: Sizes | None = None
    """Sides, along the frame's axes, of overlapping tiles that are averaged; None where nothing is."""
    focus: Region | None = None
    """Part of the frame outside of which everything is background; None for all of it."""
    gpu_bytes: int = 0
    """Most that is held in a GPU's memory; 0 where processors compute."""

    def record(self) -> dict[str, object]:
        """Return the plan as plain JSON values."""
        focus = self.focus and [[part.start, part.stop] for part in self.focus]
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "focus": focus}

    @property
    def line(self) -> str:
        """The plan in one line."""
        workers = f", {self.workers} workers" if self.workers > 1 else ""
        gpu = f" and {self.gpu_bytes / UNITS['G']:.2f} GiB of a GPU" if self.gpu_bytes else ""
        return (
            f"{self.blocks} block{'s' * (self.blocks > 1)} of {_by(self.block)}, tile {_by(self.tile)}, "
            f"halo {_by(self.halo)}, {self.predicted_bytes / UNITS['G']:.2f} GiB{gpu}{workers}"
        )


def parse_memory(text: str) -> int:
    """Return the bytes in a size such as ``8G``, ``500M`` (units of 1024).

    >>> parse_memory("1.5K")
    1536

    Raises
    ------
    ValueError
        If it is not a number with one of the units K, M, G, T.
    """
    number, unit = text[:-1], text[-1:].upper()
    if unit not in UNITS or not number or float(number) <= 0:
        raise ValueError(f"{text!r} is not a size such as 8G or 500M")
    return int(float(number) * UNITS[unit])


def parse_sides(text: str) -> Sizes:
    """Return the sides in a text such as ``128,128,64``.

    >>> parse_sides("128,128,64")
    (128, 128, 64)

    Raises
    ------
    ValueError
        If it is not three positive whole numbers.
    """
    try:
        sides = tuple(int(side) for side in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 3 or min(sides) < 1:
        raise ValueError(f"{text!r} is not three positive sizes Z,Y,X")
    return sides


def plan(
    link: Link,
    halo: Sizes,
    footprint: Footprint,
    memory: int,
    block: Sizes | None = None,
    workers: int = 1,
    choices: Sequence[Sizes] | None = None,
) -> Plan:
    """Choose the blocks that are done soonest and keep within a memory.

    For one worker that is one tile if it fits, else the cut with the fewest voxels computed twice; more of
    them want at least as many blocks, unless halos would cost more than is won.

    Parameters
    ----------
    link : Link
        The grid of the answer and the frame that the network sees.
    halo : tuple of int
        Context that the network needs on each side, along the frame's axes.
    footprint : Footprint
        What the network holds.
    memory : int
        Bytes promised.
    block : tuple of int, optional
        Blocks to use instead of choosing, along (z, y, x).
    workers : int
        The most processes that may share the blocks; the memory is for all of them together.
    choices : sequence of tuple of int, optional
        Blocks to choose from instead of all cuts.

    Raises
    ------
    MemoryPromiseError
        If not even the smallest block fits, with the memory that would be needed.
    """
    shape = link.image.shape
    wanted = tuple(min(b, n) for b, n in zip(block, shape, strict=True)) if block else None
    choices = [wanted] if wanted else choices or _choices(shape)
    plans = [_plan(link, choice, halo, footprint, workers) for choice in choices]
    small = [choice for choice in plans if choice.predicted_bytes <= memory]
    if not small:
        least = min(plans, key=lambda p: p.predicted_bytes)
        needed = math.ceil(least.predicted_bytes / UNITS["M"])
        raise MemoryPromiseError(
            "MEMORY-TOO-SMALL",
            field="--memory",
            found=f"{memory / UNITS['G']:.2f}G",
            expected=f"{needed}M or more, in blocks of {_by(least.block)}",
            fix="give more memory"
            + (", or a smaller --tile" * bool(block))
            + (", or fewer --workers" * (workers > 1)),
        )
    fitting = [choice for choice in small if choice.gpu_bytes <= _memory_of(footprint)]
    if not fitting:
        raise no_room_on_gpu(_memory_of(footprint), min(small, key=lambda p: p.gpu_bytes))
    return min(fitting, key=lambda p: (-(-p.blocks // p.workers) * p.computed / p.blocks, p.blocks))


def slabs(link: Link, halo: Sizes, footprint: Footprint, memory: int, workers: int = 1) -> Plan:
    """Return the plan of a network that must see whole slices along the frame's first axis.

    Blocks are at most `SLAB` slices deep even where all of them fit: that is what an interruption costs.

    Raises
    ------
    MemoryPromiseError
        If not even a thin block fits.
    """
    shape = link.image.shape
    across = int(np.abs(link.matrix[0, :3]).argmax())
    depths = sorted({min(depth, shape[across]) for depth in (SLAB, SIDE)}, reverse=True)
    cuts = [tuple(depth if n == across else size for n, size in enumerate(shape)) for depth in depths]
    return plan(link, halo, footprint, memory, workers=workers, choices=cuts)


def whole(link: Link, footprint: Footprint, memory: int) -> Plan:
    """Return the plan of a network that must see all of its frame at once.

    Raises
    ------
    MemoryPromiseError
        If it does not fit.
    """
    return plan(link, link.frame.shape, footprint, memory, link.image.shape)


def overlapping(link: Link, footprint: Footprint, memory: int, side: Sizes | None = None) -> Plan:
    """Return the plan of a network that should see everything at once where that does not fit.

    Tiles as large as they fit, averaged over blocks that are held with all their features.

    Parameters
    ----------
    side : tuple of int, optional
        Sides of blocks and tiles, along (z, y, x), instead of choosing.

    Raises
    ------
    MemoryPromiseError
        If not even the smallest tile fits.
    """
    sides = [side] if side else [(n, n, n) for n in range(256, SIDE - 1, -32)]
    for tile in sides:
        block = tuple(min(t, n) for t, n in zip(tile, link.image.shape, strict=True))
        todo = _plan(link, block, (0, 0, 0), footprint)
        averaged = (8 * footprint.channels + 4) * math.prod(todo.tile)
        peak, gpu = todo.predicted_bytes + averaged, todo.gpu_bytes + averaged * bool(footprint.gpu)
        found = replace(todo, predicted_bytes=peak, gpu_bytes=gpu, blend=todo.tile)
        if peak <= memory and gpu <= _memory_of(footprint):
            return found
    if peak <= memory:
        raise no_room_on_gpu(_memory_of(footprint), found)
    raise MemoryPromiseError(
        "MEMORY-TOO-SMALL",
        field="--memory",
        found=f"{memory / UNITS['G']:.2f}G",
        expected=f"{math.ceil(peak / UNITS['M'])}M or more, in tiles of {_by(tile)}",
        fix="give more memory",
    )


def _memory_of(footprint: Footprint) -> float:
    return footprint.gpu.memory if footprint.gpu else math.inf


def no_room_on_gpu(memory: float, least: Plan) -> MemoryPromiseError:
    """Return the error of work that does not fit into a GPU's memory, given the plan that takes least."""
    return MemoryPromiseError(
        "GPU-MEMORY-TOO-SMALL",
        field="--gpu-memory",
        found=f"{memory / UNITS['G']:.2f}G",
        expected=f"{math.ceil(least.gpu_bytes / UNITS['M'])}M or more, in blocks of {_by(least.block)}",
        fix="use a GPU that has more memory, or compute on processors: --device cpu",
    )


def _plan(link: Link, block: Sizes, halo: Sizes, footprint: Footprint, workers: int = 1) -> Plan:
    shape, tile = link.image.shape, link.tile(block, halo)
    count = math.prod(-(-n // b) for n, b in zip(shape, block, strict=True))
    computed = count * _computed(link, block, halo, footprint.reaches)
    voxels = footprint.per_voxel * math.prod(tile) + footprint.working_bytes(tile)
    voxels += footprint.per_kept * math.prod(link.tile(block, (0, 0, 0)))
    labels = 2 * footprint.decision_bytes * math.prod(block)
    written = 2 * SIDE * footprint.decision_bytes * math.prod(shape[1:])
    computing = footprint.fixed + voxels + _between(link, footprint) + labels
    workers = min(workers, count)
    if workers == 1:
        gpu = footprint.gpu.bytes(link, tile) if footprint.gpu else 0
        return Plan(block, tile, halo, count, computing + written, computed, gpu_bytes=gpu)
    # a worker may hold one more block that is not fetched yet; the one that writes holds what it fetched
    fixed = footprint.fixed + written
    return Plan(
        block,
        tile,
        halo,
        count,
        workers * (computing + labels + SHARING) + fixed + 2 * labels + SHARING,
        computed,
        workers,
    )


def _computed(link: Link, block: Sizes, halo: Sizes, reaches: tuple[int, ...]) -> int:
    """Voxels for which a layer is computed for a block, the mean of all layers."""
    around = [tuple(min(reach, most) for most in halo) for reach in reaches] or [halo]
    return round(sum(math.prod(link.tile(block, reach)) for reach in around) / len(around))


def _between(link: Link, footprint: Footprint) -> int:
    """Bytes that interpolating a piece of the features takes, where grids do not coincide."""
    if link.coincides:
        return 0
    piece = (PIECE,) * 3
    box = math.prod(link.tile(piece, (0, 0, 0)))
    return 4 * (footprint.channels * (box + math.prod(piece)) + PLACES * math.prod(piece))


def _choices(shape: Sizes) -> list[Sizes]:
    """The whole volume, and every cut of it into blocks of whole multiples of `SIDE`, large to small."""
    sides = [[n, *range((n - 1) // SIDE * SIDE, 0, -SIDE)] for n in shape]
    return sorted(product(*sides), key=math.prod, reverse=True)


def _by(sizes: Sizes) -> str:
    return " x ".join(str(n) for n in sizes)
