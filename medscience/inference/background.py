"""Background that is copied, not computed: where a tile is all of one value far around, features are known.

A layer's output follows from what lies within its own reach and that of the layers before it. Where all of
that is one value, the output is what it would be if the tile were nothing else: it depends on how far away
the borders are, where zeros are padded, and on nothing more. So each layer is computed where it sees
something, and copied elsewhere from a backdrop: what the same layers make of a volume of that value alone,
just large enough to have every distance from a border in it::

    tile       |.....oooo............|      .: background, o: anything else
    a layer    |...++oooo++..........|      +: sees something, and is computed
    backdrop   |... ...|                    the rest is copied from where borders are as far away
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medscience.inference.tiling import Region, Sizes

ROUND = 16
"""Sides of what is computed are whole multiples of this: a library makes a plan for every size it meets."""
WORTH = 0.85
"""Part of a tile that may be left to compute, for a backdrop to be worth its own time."""
SMALL = 0.25
"""Part of a tile that a backdrop may be large."""
NOWHERE = 1 << 30

Run = Callable[[Tensor], Tensor]
"""Runs a layer over a volume (1, C, I, J, K)."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Between which rows and columns each slice of a tile has anything else than background."""

    value: Tensor
    """Of the background, the least of the tile."""
    first: NDArray[np.int64]
    """Row and column from which on, of shape (slices, 2)."""
    stop: NDArray[np.int64]
    sides: Sizes

    @classmethod
    def of(cls, tile: Tensor) -> "Outline":
        """Return the outline of a tile (1, C, I, J, K)."""
        value = tile.min()
        other = (tile != value).any(dim=1)[0]
        ends = [_ends(other.any(dim=axis).cpu().numpy()) for axis in (2, 1)]
        first, stop = (np.stack(both, axis=1) for both in zip(*ends, strict=True))
        return cls(value, first, stop, tuple(other.shape))

    def box(self, slices: Sequence[int], reach: int, period: int = 1) -> tuple[slice, slice] | None:
        """Return the rows and columns that see anything else than background from some slices.

        They start and stop at multiples of a period.
        """
        whole = math.lcm(ROUND, period)
        near = [slice(max(at - reach, 0), at + reach + 1) for at in slices]
        first = np.min([self.first[part].min(axis=0) for part in near], axis=0) - reach
        stop = np.max([self.stop[part].max(axis=0) for part in near], axis=0) + reach
        if (first >= stop).any():
            return None
        rows, columns = zip(
            (first // whole * whole).tolist(), (-(-stop // whole) * whole).tolist(), strict=True
        )
        return slice(*rows), slice(*columns)

    def share(self, reach: int) -> float:
        """Return the part of the tile's voxels from which something is seen."""
        boxes = [self.box([at], reach) for at in range(self.sides[0])]
        planes = [zip(box, self.sides[1:], strict=True) for box in boxes if box]
        seen = sum(
            math.prod(len(range(n)[max(part.start, 0) : part.stop]) for part, n in plane) for plane in planes
        )
        return seen / math.prod(self.sides)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What layers make of nothing but background."""

    volume: Tensor
    """Of shape (1, C, I, J, K), as large as has every distance from the tile's borders in it."""
    reach: int
    """How far a border is felt."""
    sides: Sizes
    """Of the tile."""
    period: int = 1
    """Voxels after which sums are taken in the same order: as many as there are columns abreast."""
    planes: dict[int, Tensor] = field(default_factory=dict)
    """The slice that was last asked for."""

    def after(self, run: Run, reach: int) -> "Backdrop":
        """Return what one more layer makes of it."""
        felt = self.reach + reach
        wider = replace(self, sides=small_sides(self.sides, felt, self.period))
        return Backdrop(run(wider.at(*(range(n) for n in wider.sides))), felt, self.sides, self.period)

    def at(self, *places: Sequence[int]) -> Tensor:
        """Return features (1, C, ...) at slices, rows and columns of the tile."""
        found = self.volume[0].movedim(0, -1)
        near = zip(places, self.sides, self.volume.shape[2:], strict=True)
        for axis, one in enumerate(near):
            there = torch.from_numpy(_as_far(*one, self.reach, self.period))
            found = found.index_select(axis, there.to(found.device))
        return found.movedim(-1, 0)[None]

    def plane(self, at: int) -> Tensor:
        """Return the features (C, J, K) of a slice of the tile; those far from its ends are the same one."""
        first = int(_as_far([at], self.sides[0], self.volume.shape[2], self.reach, self.period)[0])
        if first not in self.planes:
            self.planes.clear()
            rows, columns = (range(n) for n in self.sides[1:])
            self.planes[first] = self.at([at], rows, columns)[0, :, 0]
        return self.planes[first]


@dataclass(frozen=True, slots=True)
class Scene:
    """A tile and its backdrop, to be gone through layer by layer."""

    outline: Outline
    backdrop: Backdrop
    """What the last layer made of the background."""
    part: tuple[range, range, range]
    """Slices, rows and columns of the tile that are held."""

    @classmethod
    def of(cls, tile: Tensor, reach: int, period: int = 1) -> "Scene | None":
        """Return the scene of a tile that layers of so much reach see, or None where nothing is gained."""
        sides = tuple(tile.shape[2:])
        if not pays(sides, reach, period):
            return None
        outline = Outline.of(tile)
        if outline.share(reach // 2) > WORTH:
            return None
        start = outline.value.expand(1, tile.shape[1], *small_sides(sides, 0, period))
        slices, rows, columns = (range(n) for n in sides)
        return cls(outline, Backdrop(start, 0, sides, period), (slices, rows, columns))

    def after(self, run: Run, reach: int) -> "Scene":
        """Return the scene that one more layer sees."""
        return replace(self, backdrop=self.backdrop.after(run, reach))

    def narrowed(self, box: Region) -> "Scene":
        """Return the scene of a part of what is held."""
        slices, rows, columns = (held[part] for held, part in zip(self.part, box, strict=True))
        return replace(self, part=(slices, rows, columns))

    def every(self, apart: int, first: int) -> "Scene":
        """Return the scene of each `apart`-th slice from the `first` on."""
        slices, rows, columns = self.part
        return replace(self, part=(slices[first::apart], rows, columns))

    def box(self, start: int, stop: int, reach: int) -> Region:
        """Return the held rows and columns that are to be computed for held slices; none: nothing is.

        All of them, where what they need, a layer's reach more on each side, is no less.
        """
        slices, *sides = self.part
        seen = self.outline.box(slices[start:stop], self.backdrop.reach, self.backdrop.period)
        if seen is None:
            return ()
        held = zip(seen, sides, strict=True)
        inside = [range(max(a.start - b.start, 0), min(a.stop - b.start, len(b))) for a, b in held]
        if not all(inside):
            return ()
        if math.prod(len(part) + 2 * reach for part in inside) >= math.prod(len(side) for side in sides):
            return tuple(slice(0, len(side)) for side in sides)
        return tuple(slice(part.start, part.stop) for part in inside)

    def paint(self, slab: Tensor, start: int, box: Region) -> None:
        """Copy the backdrop into a slab (1, C, slices, J, K) that starts at a held slice, around a box."""
        slices, rows, columns = self.part
        here = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        for at, into in zip(slices[start : start + slab.shape[2]], slab[0].unbind(1), strict=True):
            plane = self.backdrop.plane(at)[:, *here]
            for above, beside in _around(box, len(rows), len(columns)):
                into[:, above, beside] = plane[:, above, beside]


def pays(sides: Sizes, reach: int, period: int = 1) -> bool:
    """Whether a backdrop of so much reach is small beside a tile."""
    return math.prod(small_sides(sides, reach, period)) <= SMALL * math.prod(sides)


def small_sides(sides: Sizes, reach: int, period: int = 1) -> Sizes:
    """Return the sides of the smallest volume that has every distance from a border in it, up to a reach.

    Of places farther away it has one of each place in a period.

    >>> small_sides((100, 100, 5), 3), small_sides((100, 101, 5), 3, period=2)
    ((7, 7, 5), (8, 9, 5))
    """
    least = 2 * reach + period
    return tuple(min(n, least + (n - least) % period) for n in sides)


def _as_far(places: Sequence[int], side: int, small: int, reach: int, period: int) -> NDArray[Any]:
    """Return which places of a small side are as far from its ends as places of a side, up to a reach."""
    there = np.asarray(places, dtype=np.int64)
    if small == side:
        return there
    near = np.where(there < reach, there, reach + (there - reach) % period)
    return np.where(there < side - reach, near, there - side + small)


def _ends(other: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first and one past the last that is true in each row."""
    any_there = other.any(axis=1)
    first = np.where(any_there, other.argmax(axis=1), NOWHERE)
    stop = np.where(any_there, other.shape[1] - other[:, ::-1].argmax(axis=1), -NOWHERE)
    return first, stop


def _around(box: Region, rows: int, columns: int) -> Iterator[Region]:
    """Yield the rectangles of a plane that lie around a box."""
    if not box:
        yield slice(0, rows), slice(0, columns)
        return
    up, left = box
    yield slice(0, up.start), slice(0, columns)
    yield slice(up.stop, rows), slice(0, columns)
    yield up, slice(0, left.start)
    yield up, slice(left.stop, columns)
