"""The block loop: find the tile of a block, run the network, decide, write the block, forget."""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medscience.ahead import made_ahead
from medscience.arrays import copied, laid_out, zeros
from medscience.geometry import Geometry
from medscience.image import Image
from medscience.inference.blending import blended
from medscience.inference.decide import Head, decide, decide_between
from medscience.inference.doubt import Doubt
from medscience.inference.engine import Engine
from medscience.inference.link import Link, Region
from medscience.inference.mirror import Flips, mirrored, turned
from medscience.inference.plan import Plan
from medscience.inference.relief import Relief, answered
from medscience.inference.tiling import relative, with_halo
from medscience.inference.windows import Windows
from medscience.progress import Tell, nobody
from medscience.store.grid import regions

Normalize = Callable[[NDArray[Any]], NDArray[np.float32]]
Write = Callable[[Region, NDArray[Any]], None]
Has = Callable[[Region], bool]


LEAST = 8
"""Sides of a block that is halved no more."""

SMALLER = 0.95
"""Part of a tile that its half may be at most: else halves do not help."""


def has_none(region: Region) -> bool:
    """Say of every block that it is still to be done."""
    return False


@dataclass(frozen=True, slots=True)
class Read:
    """A part of the frame that was read ahead of its use."""

    region: Region
    values: NDArray[Any]

    def part(self, region: Region) -> NDArray[Any] | None:
        """Return a region's values if they are among those that were read."""
        pairs = list(zip(region, self.region, strict=True))
        if any(one.start < all_of.start or one.stop > all_of.stop for one, all_of in pairs):
            return None
        return self.values[relative(region, self.region)]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a prediction, each a pure function of image and model: any process finds the same."""

    frame: Image
    """The image on the grid that the network sees, in its axes (I, J, K)."""
    answer: Geometry
    """The grid (Z, Y, X) on which labels are wanted."""
    engine: Engine
    normalize: Normalize
    """Brings the frame's values into the network's range."""
    plan: Plan
    """Blocks of the answer, halo, and the part of the frame outside of which everything is background."""
    relief: Relief[Engine] = field(default_factory=Relief)
    """What is done when a GPU's memory runs out."""
    read: "Read | None" = None
    """What was read of the frame ahead of its use."""

    @property
    def parts(self) -> int:
        """Of a block, to tell how far work has come: its layers, and what is decided and written."""
        return self.engine.features.parts * len(self.engine.mirrors) + 1

    def todo(self, has: Has = has_none) -> list[Region]:
        """Return the regions of the blocks that are not written yet."""
        return [region for region in regions(self.answer.shape, self.plan.block) if not has(region)]

    def on(self, engine: Engine) -> "Blocks":
        """Return the same blocks for a network that is elsewhere."""
        return replace(self, engine=engine)

    def having_read(self, region: Region) -> "Blocks":
        """Return the same blocks with what one of them needs of the frame, unless that is nothing."""
        box = within(Link(self.answer, self.frame.geometry).box(region), self.plan.focus)
        if box is None:
            return self
        tile, _ = with_halo(box, self.plan.halo, self.frame.shape, self.engine.alignment)
        return replace(self, read=Read(tile, self.frame.read(tile)))

    def halves(self, region: Region) -> tuple[int, Region, Region] | None:
        """Return an axis and the halves of a region along it, if their tiles are clearly smaller.

        They are not where the network looks at whole slices, or at everything.
        """
        link, halo, sizes = Link(self.answer, self.frame.geometry), self.plan.halo, _sides(region)
        if isinstance(self.engine.features, Windows) or max(sizes) < 2 * LEAST:
            return None

        def tile(axis: int) -> int:
            half = [-(-n // 2) if n_axis == axis else n for n_axis, n in enumerate(sizes)]
            return math.prod(link.tile(tuple(half), halo))

        axis = min(range(3), key=tile)
        if tile(axis) > SMALLER * math.prod(link.tile(tuple(sizes), halo)):
            return None
        middle = region[axis].start + -(-sizes[axis] // 2)
        parts = slice(region[axis].start, middle), slice(middle, region[axis].stop)
        one, other = ((*region[:axis], part, *region[axis + 1 :]) for part in parts)
        return axis, one, other

    @torch.inference_mode()
    def decided(self, region: Region, doubt: Doubt, tell: Tell = nobody) -> NDArray[np.generic]:
        """Return the decision for every voxel of a block; `tell` hears of every layer.

        Its features are gone before the next block's are made.
        """
        head, link = self.engine.head, Link(self.answer, self.frame.geometry)
        labels = zeros(tuple(_sides(region)), head.decision)
        box = within(link.box(region), self.plan.focus)
        if box is None:
            return labels
        if not link.coincides:
            places = link.places(region, box)
            return decide_between(self._features(box, doubt, tell), head, places, labels.shape)
        found = decide(self._features(box, doubt, tell), head)
        copied(link.turn.apply(found), into=labels[relative(link.covered(box), region)])
        return labels

    def _features(self, box: Region, doubt: Doubt, tell: Tell) -> torch.Tensor:
        """Return the features of a box: the mean of those of all mirror images."""
        mirrors, parts = self.engine.mirrors, self.engine.features.parts
        if len(mirrors) == 1:
            return self._as_seen(box, mirrors[0], doubt, tell)
        alone, labels = [], Head(self.engine.head.layer)
        mean = torch.zeros(())
        for n, flips in enumerate(mirrors):
            tell(n * parts, len(mirrors) * parts)
            found = self._as_seen(box, flips, doubt, nobody).float()
            alone.append(decide(found, labels))
            mean = mean + found / len(mirrors)
        together = decide(mean, labels)
        doubt.mirrors.voxels += together.size * len(mirrors)
        doubt.mirrors.differ += sum(int((one != together).sum()) for one in alone)
        return mean

    def _as_seen(self, box: Region, flips: Flips, doubt: Doubt, tell: Tell) -> torch.Tensor:
        """Return the features of a box as the network finds them in a mirror image, turned back."""
        plan, shape, features = self.plan, self.frame.shape, self.engine.features

        def see(region: Region) -> torch.Tensor:
            return (
                self._see(mirrored(region, flips, shape)).flip(turned(flips)) if flips else self._see(region)
            )

        there = mirrored(box, flips, shape)
        if isinstance(features, Windows):
            found = features.of(see, shape, there, tell)
        elif plan.blend:
            found = blended(self.engine, see, shape, plan.blend, there, doubt)
        else:
            read, keep = with_halo(there, plan.halo, shape, self.engine.alignment)
            found = features(see(read), tell, keep)
        return found.flip(turned(flips)) if flips else found

    def _see(self, region: Region) -> torch.Tensor:
        found = self.read.part(region) if self.read else None
        values = laid_out(self.frame.read(region) if found is None else found)
        return torch.from_numpy(self.normalize(values))[None, None]


def predict(blocks: Blocks, write: Write, tell: Tell = nobody, has: Has = has_none) -> Doubt:
    """Write the decision for every voxel of a grid, block by block.

    Parameters
    ----------
    blocks : Blocks
        What is to be answered.
    write : callable
        Takes a region (z, y, x) and its labels, with a field for each map where there are maps.
    tell : callable
        Hears how many layers of blocks are done, and of how many.
    has : callable
        Says of a region whether it is written already, by a run that was interrupted.

    Returns
    -------
    Doubt
        How much tiles that were blended now, and mirror images, disagreed; nothing where there were none.

    Raises
    ------
    ModelError
        If a logit is not finite.
    MemoryPromiseError
        If a GPU's memory runs out and nothing helps.
    """

    def layer_done(layers: int, _all: int) -> None:
        tell(before * parts + layers, len(todo) * parts)

    doubt = Doubt()
    todo, parts = blocks.todo(has), blocks.parts
    tell(0, len(todo) * parts)
    with closing(_ready(blocks, todo)) as coming:
        for before, (region, ready) in enumerate(coming):
            write(region, answered(ready, region, doubt, layer_done))
            tell((before + 1) * parts, len(todo) * parts)
    return doubt


def _ready(blocks: Blocks, todo: Sequence[Region]) -> Generator[tuple[Region, Blocks]]:
    """Yield regions with their blocks; where a GPU computes, a second thread reads what the next one needs.

    Processors have nothing to do that by.
    """
    if blocks.engine.gpu:
        yield from made_ahead((region, blocks.having_read(region)) for region in todo)
    else:
        yield from ((region, blocks) for region in todo)


def within(box: Region | None, focus: Region | None) -> Region | None:
    """Return the part of a box that lies in the focus, or None if there is none."""
    if box is None or focus is None:
        return box
    both = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, focus, strict=True))
    return both if all(part.start < part.stop for part in both) else None


def _sides(region: Region) -> list[int]:
    return [part.stop - part.start for part in region]
