"""Labels chunk by chunk: what was changed lies over what is stored, which stays as it is."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import product
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.image import LazyArray
from medscience.store.grid import CHUNK
from napari_medscience.edit.history import Chunk, History

HELD = 1 << 28
"""Bytes of unchanged chunks that are kept, so that going back and forth through slices reads little twice."""

Region = tuple[slice, ...]
Values = NDArray[Any]


class LabelChunks:
    """Labels in their stored axis order, read lazily and changed in memory.

    Parameters
    ----------
    stored : lazy array
        Labels (…, Z, Y, X); never written to.
    sides : tuple of int, optional
        Of a chunk, along all axes; the stored array's own unless given.
    changed : dict, optional
        Chunks that were changed before: a draft that is taken up again.
    """

    def __init__(
        self,
        stored: LazyArray,
        sides: tuple[int, ...] | None = None,
        changed: Mapping[Chunk, Values] | None = None,
    ) -> None:
        self.stored = stored
        self.sides = sides or _sides_of(stored)
        self.history = History()
        self._changed = {chunk: values.copy() for chunk, values in (changed or {}).items()}
        self._clean: OrderedDict[Chunk, Values] = OrderedDict()
        self._unsaved: set[Chunk] = set()
        self._lock = Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        return tuple(self.stored.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return np.dtype(self.stored.dtype)

    def __getitem__(self, region: Region) -> Values:
        """Return a copy of a region, one slice for each axis."""
        bounds = [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]
        found = np.empty([max(stop - start, 0) for start, stop in bounds], self.dtype)
        chunks = self._chunks(bounds)
        self._hold(chunks)
        for chunk in chunks:
            here, there = self._overlap(chunk, bounds)
            found[there] = self._held(chunk)[here]
        self._forget()
        return found

    def __setitem__(self, region: Region, values: object) -> None:
        """Change a region; chunks in which nothing differs are not touched."""
        bounds = [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]
        wanted = np.broadcast_to(np.asarray(values, self.dtype), [stop - start for start, stop in bounds])
        chunks = self._chunks(bounds)
        self._hold(chunks)
        for chunk in chunks:
            here, there = self._overlap(chunk, bounds)
            if not np.array_equal(self._held(chunk)[here], wanted[there]):
                self.history.before(chunk, self._held(chunk))
                with self._lock:
                    self._writable(chunk)[here] = wanted[there]
                    self._unsaved.add(chunk)
        self._forget()

    @property
    def changed(self) -> frozenset[Chunk]:
        """The chunks that may differ from what is stored."""
        return frozenset(self._changed)

    def undo(self) -> bool:
        """Take back the last step; False if there is none."""
        return self.history.undo(self._swap)

    def redo(self) -> bool:
        """Do again what was undone last; False if there is nothing."""
        return self.history.redo(self._swap)

    def take_unsaved(self) -> dict[Chunk, Values]:
        """Return copies of the chunks that were changed since the last call; from any thread."""
        with self._lock:
            taken = {chunk: self._changed[chunk].copy() for chunk in self._unsaved}
            self._unsaved.clear()
        return taken

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        """Say that chunks could not be saved after all; from any thread."""
        with self._lock:
            self._unsaved.update(chunks)

    def region(self, chunk: Chunk) -> Region:
        """Return where a chunk lies."""
        return tuple(
            slice(number * side, min((number + 1) * side, n))
            for number, side, n in zip(chunk, self.sides, self.shape, strict=True)
        )

    @property
    def unsaved(self) -> int:
        """How many chunks were changed and not taken yet."""
        return len(self._unsaved)

    def _swap(self, chunk: Chunk, values: Values) -> Values:
        self._hold([chunk])
        with self._lock:
            before = self._writable(chunk)
            self._changed[chunk] = values
            self._unsaved.add(chunk)
        return before

    def _chunks(self, bounds: list[tuple[int, int]]) -> list[Chunk]:
        along = (
            range(start // side, -(-stop // side))
            for (start, stop), side in zip(bounds, self.sides, strict=True)
        )
        return list(product(*along))

    def _overlap(self, chunk: Chunk, bounds: list[tuple[int, int]]) -> tuple[Region, Region]:
        """Where a chunk and a region overlap, in the chunk and in the region."""
        here, there = [], []
        for number, side, (start, stop) in zip(chunk, self.sides, bounds, strict=True):
            low, high = max(number * side, start), min((number + 1) * side, stop)
            here.append(slice(low - number * side, high - number * side))
            there.append(slice(low - start, high - start))
        return tuple(here), tuple(there)

    def _held(self, chunk: Chunk) -> Values:
        return self._changed[chunk] if chunk in self._changed else self._clean[chunk]

    def _writable(self, chunk: Chunk) -> Values:
        if chunk not in self._changed:
            self._changed[chunk] = self._clean.pop(chunk).copy()
        return self._changed[chunk]

    def _hold(self, chunks: list[Chunk]) -> None:
        """Read what is missing: at once, since one call for many chunks is far quicker than many calls."""
        missing = [chunk for chunk in chunks if chunk not in self._changed and chunk not in self._clean]
        for chunk in chunks:
            if chunk in self._clean:
                self._clean.move_to_end(chunk)
        if not missing:
            return
        first = [min(numbers) for numbers in zip(*missing, strict=True)]
        last = [max(numbers) for numbers in zip(*missing, strict=True)]
        bounds = [
            (low * side, min((high + 1) * side, n))
            for low, high, side, n in zip(first, last, self.sides, self.shape, strict=True)
        ]
        block = np.asarray(self.stored[tuple(slice(*pair) for pair in bounds)])
        for chunk in missing:
            whole = zip(self.region(chunk), bounds, strict=True)
            part = tuple(slice(there.start - low, there.stop - low) for there, (low, _) in whole)
            self._clean[chunk] = block[part].copy()

    def _forget(self) -> None:
        size = sum(values.nbytes for values in self._clean.values())
        while size > HELD:
            _, oldest = self._clean.popitem(last=False)
            size -= oldest.nbytes


def _sides_of(stored: LazyArray) -> tuple[int, ...]:
    lead = (1,) * (len(stored.shape) - 3)
    sides: tuple[int, ...] = getattr(stored, "chunks", (*lead, CHUNK, CHUNK, CHUNK))
    return tuple(min(side, n) for side, n in zip(sides, stored.shape, strict=True))
