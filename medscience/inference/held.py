"""How much a computation holds at its worst moment, counted on a small one."""

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from medscience.inference.stream import Stream
from medscience.inference.sums import Slice


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are made within it, until they are gone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak: int = 0
        self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever torch gives
        """Run an operation and count what it makes."""
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self._known or not size:
            return
        self._known.add(key)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size


def stream_bytes(stream: Stream, shape: tuple[int, ...]) -> int:
    """Return the most that a stream holds, for an image (T, Z, Y, X) whose sides are its multiples.

    Counted on one phase of a small plane: all that is held has as many voxels as the plane and the phases
    have, times a number that depends on the network and on z. Once a slice has come out nothing is added.
    """
    phases, slices, rows, columns = shape
    small = [2 * side for side in stream.multiples[1:]]
    empty = torch.zeros(1, stream.channels, *small, dtype=stream.precision)

    def pictures() -> Iterator[Slice]:
        for _ in range(slices):
            yield [empty.clone(memory_format=torch.channels_last)]

    with torch.inference_mode(), Held() as held:
        for found in islice(stream(pictures()), 4):
            del found
    peak = int(held.peak)
    return int(peak * phases * rows * columns / math.prod(small))
