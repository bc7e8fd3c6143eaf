"""Steps that can be undone and redone: all of them, not the last."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Chunk = tuple[int, ...]
"""Number of a chunk along each axis."""

Values = NDArray[Any]
Swap = Callable[[Chunk, Values], Values]
"""Puts values into a chunk and returns those that were there."""


@dataclass(slots=True)
class History:
    """What each chunk held before every step; packed, since labels are mostly the same number.

    Between two calls of `close` everything that is changed is one step, such as a stroke of the brush.
    """

    _open: dict[Chunk, Values] = field(default_factory=dict)
    _done: list["_Step"] = field(default_factory=list)
    _undone: list["_Step"] = field(default_factory=list)

    def before(self, chunk: Chunk, values: Values) -> None:
        """Note what a chunk holds, right before it is changed."""
        if chunk not in self._open:
            self._open[chunk] = values.copy()

    def close(self) -> None:
        """End the step, if there is one; what was undone before it cannot be redone any more."""
        if self._open:
            self._done.append(_Step.of(self._open))
            self._undone.clear()
            self._open = {}

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and how many redone."""
        return len(self._done) + bool(self._open), len(self._undone)

    def undo(self, swap: Swap) -> bool:
        """Take back the last step; False if there is none."""
        self.close()
        return _move(self._done, self._undone, swap)

    def redo(self, swap: Swap) -> bool:
        """Do again what was undone last; False if there is nothing."""
        self.close()
        return _move(self._undone, self._done, swap)


def _move(source: list["_Step"], target: list["_Step"], swap: Swap) -> bool:
    if not source:
        return False
    step = source.pop()
    target.append(_Step.of({chunk: swap(chunk, values) for chunk, values in step.unpacked()}))
    return True


@dataclass(frozen=True, slots=True)
class _Step:
    """Chunks as they were before a step, packed."""

    packed: dict[Chunk, tuple[bytes, tuple[int, ...], np.dtype[Any]]]

    @classmethod
    def of(cls, chunks: dict[Chunk, Values]) -> "_Step":
        return cls({key: (zlib.compress(v.tobytes(), 1), v.shape, v.dtype) for key, v in chunks.items()})

    def unpacked(self) -> list[tuple[Chunk, Values]]:
        return [
            (chunk, np.frombuffer(zlib.decompress(packed), dtype).reshape(shape).copy())
            for chunk, (packed, shape, dtype) in self.packed.items()
        ]
