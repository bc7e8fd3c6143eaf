"""Decoded chunks, kept while there is room: patches that share a chunk decode it once."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.image import LazyArray
from medscience.store.grid import CHUNK

Key = tuple[int, tuple[int, ...]]


class Chunks:
    """The chunks of many arrays, those that were used longest ago leaving first.

    Parameters
    ----------
    most : int
        Bytes that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held, self._arrays = most, 0, 0
        self._chunks: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def over(self, array: LazyArray) -> LazyArray:
        """Return a lazy view of an array that reads whole chunks and keeps them here."""
        self._arrays += 1
        sides: tuple[int, ...] = getattr(array, "chunks", (CHUNK,) * len(array.shape))
        return _Chunked(array, sides, self, self._arrays)

    def get(self, key: Key) -> NDArray[Any] | None:
        """Return a chunk if it is here."""
        with self._lock:
            if key in self._chunks:
                self._chunks.move_to_end(key)
            return self._chunks.get(key)

    def put(self, key: Key, chunk: NDArray[Any]) -> None:
        """Keep a chunk, and let others go until it fits."""
        with self._lock:
            before = self._chunks.pop(key, None)
            self._chunks[key] = chunk
            self._held += chunk.nbytes - (before.nbytes if before is not None else 0)
            while self._held > self._most and self._chunks:
                self._held -= self._chunks.popitem(last=False)[1].nbytes


@dataclass(frozen=True, slots=True)
class _Chunked:
    """A lazy array that is read in whole chunks."""

    data: LazyArray
    sides: tuple[int, ...]
    kept: Chunks
    number: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        bounds = [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]
        found = np.empty([max(stop - start, 0) for start, stop in bounds], dtype=self.dtype)
        touched = (
            range(start // side, -(-stop // side))
            for (start, stop), side in zip(bounds, self.sides, strict=True)
        )
        for place in product(*touched):
            into, out_of = [], []
            for number, side, (start, stop) in zip(place, self.sides, bounds, strict=True):
                low, high = max(start, number * side), min(stop, (number + 1) * side)
                into.append(slice(low - start, high - start))
                out_of.append(slice(low - number * side, high - number * side))
            found[tuple(into)] = self._chunk(place)[tuple(out_of)]
        return found

    def _chunk(self, place: tuple[int, ...]) -> NDArray[Any]:
        chunk = self.kept.get((self.number, place))
        if chunk is None:
            region = tuple(slice(n * side, (n + 1) * side) for n, side in zip(place, self.sides, strict=True))
            chunk = np.asarray(self.data[region])
            self.kept.put((self.number, place), chunk)
        return chunk
