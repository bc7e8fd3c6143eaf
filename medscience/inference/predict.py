"""The block loop: find the tile of a block, run the network, decide, write the block, forget."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.image import Image
from medscience.inference.blending import Seams, blended
from medscience.inference.decide import decide, decide_between
from medscience.inference.engine import Engine
from medscience.inference.link import Link, Region
from medscience.inference.plan import Plan
from medscience.inference.tiling import with_halo
from medscience.progress import Tell, nobody
from medscience.store.grid import regions

Normalize = Callable[[NDArray[Any]], NDArray[np.float32]]
Write = Callable[[Region, NDArray[Any]], None]
Has = Callable[[Region], bool]


def has_none(region: Region) -> bool:
    """Say of every block that it is still to be done."""
    return False


@torch.inference_mode()
def predict(
    frame: Image,
    answer: Geometry,
    engine: Engine,
    normalize: Normalize,
    plan: Plan,
    write: Write,
    tell: Tell = nobody,
    has: Has = has_none,
) -> Seams:
    """Write the decision for every voxel of a grid, block by block.

    Parameters
    ----------
    frame : Image
        The image on the grid that the network sees, in its axes (I, J, K).
    answer : Geometry
        The grid (Z, Y, X) on which labels are wanted.
    engine : Engine
        The network.
    normalize : callable
        Brings the frame's values into the network's range.
    plan : Plan
        Blocks of the answer, halo, and the part of the frame outside of which everything is background.
    write : callable
        Takes a region (z, y, x) and its labels, with a field for each map where there are maps.
    tell : callable
        Hears how many layers of blocks are done, and of how many.
    has : callable
        Says of a region whether it is written already, by a run that was interrupted.

    Returns
    -------
    Seams
        How much the tiles that were blended now disagreed; nothing where the plan is exact.

    Raises
    ------
    ModelError
        If a logit is not finite.
    """
    seams = Seams()

    def see(region: Region) -> torch.Tensor:
        return torch.from_numpy(normalize(np.ascontiguousarray(frame.read(region))))[None, None]

    def features_of(box: Region) -> torch.Tensor:
        if plan.blend:
            return blended(engine, see, frame.shape, plan.blend, box, seams)
        read, keep = with_halo(box, plan.halo, frame.shape, engine.alignment)
        return engine.features(see(read), layer_done)[(slice(None), slice(None), *keep)]

    def layer_done(layers: int, _all: int) -> None:
        tell(before * parts + layers, len(todo) * parts)

    def labels_of(region: Region) -> NDArray[np.generic]:
        # a function of its own, so that one block's features are gone before the next block's are made
        labels = np.zeros([r.stop - r.start for r in region], dtype=head.decision)
        box = within(link.box(region), plan.focus)
        if box is None:
            return labels
        if not link.coincides:
            return decide_between(features_of(box), head, link.places(region, box), labels.shape)
        labels[_relative(link.covered(box), region)] = link.turn.apply(decide(features_of(box), head))
        return labels

    head = engine.head
    link = Link(answer, frame.geometry)
    todo = [region for region in regions(answer.shape, plan.block) if not has(region)]
    parts = len(engine.features.layers) + 1  # of a block: its layers, and what is decided and written
    tell(0, len(todo) * parts)
    for before, region in enumerate(todo):
        write(region, labels_of(region))
        tell((before + 1) * parts, len(todo) * parts)
    return seams


def within(box: Region | None, focus: Region | None) -> Region | None:
    """Return the part of a box that lies in the focus, or None if there is none."""
    if box is None or focus is None:
        return box
    both = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, focus, strict=True))
    return both if all(part.start < part.stop for part in both) else None


def _relative(inner: Region, outer: Region) -> Region:
    return tuple(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
