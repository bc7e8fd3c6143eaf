"""Overlapping tiles for networks that look at all of what they are given, such as those with instance norm.

Their answer depends on how a volume is cut; no halo helps. Tiles that overlap by half are weighted by a
Gaussian (Isensee et al. 2021, Nature Methods 18: sigma an eighth of the side) and averaged. That is
`approximate`, and the seam score says how much: the part of overlapping voxels at which a tile alone would
have answered otherwise.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medscience.inference.decide import Head, decide
from medscience.inference.doubt import Counted
from medscience.inference.engine import Engine
from medscience.inference.tiling import Region, Sizes


def tiles(shape: Sizes, side: Sizes) -> Iterator[Region]:
    """Yield tiles of equal size that overlap by half and cover a volume; the same for every block of it.

    >>> [tile[0] for tile in tiles((10,), (4,))]
    [slice(0, 4, None), slice(2, 6, None), slice(4, 8, None), slice(6, 10, None)]
    """
    starts = []
    for n, s in zip(shape, side, strict=True):
        width = min(n, s)
        step = max(width // 2, 1)
        starts.append([*range(0, n - width, step), n - width])
    for corner in product(*starts):
        yield tuple(slice(c, c + min(n, s)) for c, n, s in zip(corner, shape, side, strict=True))


def blended(
    engine: Engine,
    see: Callable[[Region], Tensor],
    shape: Sizes,
    side: Sizes,
    box: Region,
    seams: Counted,
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
    seams : Counted
        Counts, grown by this call.
    """
    head, labels = engine.head, Head(engine.head.layer)
    sizes = [part.stop - part.start for part in box]
    device = engine.features.device
    total = torch.zeros(1, head.channels, *sizes, device=device)
    total = total.contiguous(memory_format=torch.channels_last_3d)
    weight = torch.zeros(1, 1, *sizes, device=device)
    alone: list[tuple[Region, NDArray[np.generic]]] = []
    for tile in tiles(shape, side):
        both = [slice(max(t.start, b.start), min(t.stop, b.stop)) for t, b in zip(tile, box, strict=True)]
        if any(part.start >= part.stop for part in both):
            continue
        inner = tuple(slice(p.start - t.start, p.stop - t.start) for p, t in zip(both, tile, strict=True))
        outer = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(both, box, strict=True))
        features = engine.features(see(tile))[(slice(None), slice(None), *inner)]
        share = _gaussian([t.stop - t.start for t in tile])[inner].to(device)
        total[(slice(None), slice(None), *outer)] += features * share
        weight[(slice(None), slice(None), *outer)] += share
        alone.append((outer, decide(features, labels)))
    total /= weight
    _count(seams, alone, decide(total, labels))
    return total


def _count(
    seams: Counted, alone: list[tuple[Region, NDArray[np.generic]]], together: NDArray[np.generic]
) -> None:
    """Compare each tile's own answer with the average, where tiles overlap."""
    tiles_there = np.zeros(together.shape, dtype=np.uint16)
    for region, _ in alone:
        tiles_there[region] += 1
    for region, labels in alone:
        shared = tiles_there[region] > 1
        seams.voxels += int(shared.sum())
        seams.differ += int(((labels != together[region]) & shared).sum())


def _gaussian(sides: list[int]) -> Tensor:
    """Weights of a tile's voxels; never 0, so that a voxel seen by one tile alone keeps its answer."""
    weights = torch.ones(1)
    for side in sides:
        at = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        line = torch.exp(-0.5 * (at / (side / 8)) ** 2)
        weights = weights[..., None] * line
    return weights[0].clamp(min=1e-4)
