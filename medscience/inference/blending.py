"""Overlapping tiles for networks that look at all of what they are given, such as those with instance norm.

Their answer depends on how a volume is cut; no halo helps. Tiles that overlap by half are weighted by a
Gaussian (Isensee et al. 2021, Nature Methods 18: sigma an eighth of the side) and averaged. That is
`approximate`, and two scores say how much: the seam score is the part of overlapping voxels at which a tile
alone would have answered otherwise, the grid score the part of all voxels that another grid of tiles answers
otherwise, in one of `EVERY` blocks.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medscience.inference.decide import Head, decide
from medscience.inference.doubt import Doubt
from medscience.inference.engine import Engine
from medscience.inference.tiling import Region, Sizes, relative

EVERY = 8
"""Of so many blocks one is answered on a shifted grid too, so that it costs an eighth."""

Alone = list[tuple[Region, NDArray[np.generic]]]
"""What each tile alone answers, and where."""


def tiles(shape: Sizes, side: Sizes, *, shifted: bool = False) -> Iterator[Region]:
    """Yield tiles of equal size that overlap by half and cover a volume; the same for every block of it.

    All but the outermost can be shifted by a quarter of their side.

    >>> [tile[0] for tile in tiles((10,), (4,))]
    [slice(0, 4, None), slice(2, 6, None), slice(4, 8, None), slice(6, 10, None)]
    >>> [tile[0].start for tile in tiles((10,), (4,), shifted=True)]
    [0, 1, 3, 5, 6]
    """
    starts = []
    for n, s in zip(shape, side, strict=True):
        width = min(n, s)
        step = max(width // 2, 1)
        first = max(step // 2, 1) if shifted else step
        starts.append(sorted({0, *range(first, n - width, step), n - width}))
    for corner in product(*starts):
        yield tuple(slice(c, c + min(n, s)) for c, n, s in zip(corner, shape, side, strict=True))


def is_sampled(box: Region, shape: Sizes, side: Sizes) -> bool:
    """Whether a box is one of those that are answered on a shifted grid too; the middle one is."""
    number = middle = 0
    for part, n, s in zip(box, shape, side, strict=True):
        blocks = -(-n // s)
        number = number * blocks + (part.start + part.stop) // 2 // s
        middle = middle * blocks + n // 2 // s
    return (number - middle) % EVERY == 0


def blended(
    engine: Engine,
    see: Callable[[Region], Tensor],
    shape: Sizes,
    side: Sizes,
    box: Region,
    doubt: Doubt,
) -> Tensor:
    """Return features (1, C, ...) of a box, averaged over all tiles that reach into it.

    Averaging features is averaging logits, as the head is linear and the weights add up to one.

    Parameters
    ----------
    engine : Engine
        The network.
    see : callable
        Gives the network's input (1, 1, I, J, K) for a region of the frame.
    shape : tuple of int
        Shape of the frame.
    side : tuple of int
        Sides of a tile.
    box : tuple of slice
        Part of the frame that is wanted.
    doubt : Doubt
        Counts, grown by this call.
    """
    labels = Head(engine.head.layer)

    def averaged(*, shifted: bool) -> tuple[Tensor, Alone]:
        return _averaged(engine, see, list(tiles(shape, side, shifted=shifted)), box)

    elsewhere = decide(averaged(shifted=True)[0], labels) if is_sampled(box, shape, side) else None
    mean, alone = averaged(shifted=False)
    together = decide(mean, labels)
    _count(doubt, alone, together)
    if elsewhere is not None:
        doubt.grids.voxels += together.size
        doubt.grids.differ += int((elsewhere != together).sum())
    return mean


def _averaged(
    engine: Engine, see: Callable[[Region], Tensor], grid: list[Region], box: Region
) -> tuple[Tensor, Alone]:
    """Return the weighted mean of the features of all tiles that reach into a box."""
    head, labels = engine.head, Head(engine.head.layer)
    sizes = [part.stop - part.start for part in box]
    device = engine.features.device
    total = torch.zeros(1, head.channels, *sizes, device=device)
    total = total.contiguous(memory_format=torch.channels_last_3d)
    weight = torch.zeros(1, 1, *sizes, device=device)
    alone: Alone = []
    for tile in grid:
        both = tuple(
            slice(max(t.start, b.start), min(t.stop, b.stop)) for t, b in zip(tile, box, strict=True)
        )
        if any(part.start >= part.stop for part in both):
            continue
        inner, outer = relative(both, tile), relative(both, box)
        features = engine.features(see(tile))[(slice(None), slice(None), *inner)]
        share = _gaussian([t.stop - t.start for t in tile])[inner].to(device)
        total[(slice(None), slice(None), *outer)] += features * share
        weight[(slice(None), slice(None), *outer)] += share
        alone.append((outer, decide(features, labels)))
    total /= weight
    return total, alone


def _count(doubt: Doubt, alone: Alone, together: NDArray[np.generic]) -> None:
    """Compare each tile's own answer with the average, where tiles overlap."""
    tiles_there = np.zeros(together.shape, dtype=np.uint16)
    for region, _ in alone:
        tiles_there[region] += 1
    for region, labels in alone:
        shared = tiles_there[region] > 1
        doubt.seams.voxels += int(shared.sum())
        doubt.seams.differ += int(((labels != together[region]) & shared).sum())


def _gaussian(sides: list[int]) -> Tensor:
    """Weights of a tile's voxels; never 0, so that a voxel seen by one tile alone keeps its answer."""
    weights = torch.ones(1)
    for side in sides:
        at = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        line = torch.exp(-0.5 * (at / (side / 8)) ** 2)
        weights = weights[..., None] * line
    return weights[0].clamp(min=1e-4)
