"""A network of separable 4D blocks, run as a stream of slices: nothing is computed twice, or held whole.

A convolution needs of what comes before it only a slice and its two neighbours along z. So slices flow
through all blocks at once, each block a little behind the one before::

    image    z = 0 1 2 3 4 5 6 7 ...
    first          [3 4 5] -> 4      waits for slice 5, gives slice 4, forgets slice 3
    second     [2 3 4] -> 3

What is held depends on the plane and on how far the last block is behind the first, not on how long the
volume is. A fork holds the slices that one of its branches has taken and the other has not: so a skip or a
residual is as long as what lies between its ends.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from typing import TypeVar, cast

import torch
from torch.nn.functional import leaky_relu_

from medscience.inference.planes import add_convolved, convolved
from medscience.inference.sums import RisingSum, Slice, Sum, Window, along_z, in_plane
from medscience.models.rstar4d import INPUTS, RSTAR4D, Decode, Encode
from medscience.models.separable import SLOPE, Down, Residual, Separable, Up

Slices = Iterator[Slice]
T = TypeVar("T")


class Stream:
    """A network that takes slices and gives slices.

    Parameters
    ----------
    network : RSTAR4D
        It is left as it is.
    precision : dtype
        Of the slices that are held; a convolution adds up in float32.
    """

    def __init__(self, network: RSTAR4D, precision: torch.dtype) -> None:
        self.precision = precision
        self.device = network.last.block.first.xy.weight.device
        self.channels = INPUTS
        self.multiples = network.multiples
        """Of which the sides of what it takes must be multiples, along z, y and x."""
        levels = len(network.encode)
        self.reach = network.multiples[0] * (4 + 11 * (levels - 1)) + 4
        """Slices on each side that a restored slice follows from, or a few more."""
        self.weight_bytes = sum(parameter.nbytes for parameter in network.parameters())
        self._encode = [
            (DownFlow(part.down, precision), ResidualFlow(part.refine, precision))
            for part in cast(Iterable[Encode], network.encode)
        ]
        self._decode = [
            (UpFlow(part.up, precision), ResidualFlow(part.refine, precision, inputs=2))
            for part in cast(Iterable[Decode], network.decode)
        ]
        self._last = UpFlow(network.last, precision)

    def __call__(self, slices: Slices) -> Slices:
        """Yield restored slices with one channel, for slices with the network's input channels."""
        skips: list[Slices] = []
        for level, (down, refine) in enumerate(self._encode):
            if level:
                slices, skip = fork(slices)
                skips.append(skip)
            found, kept = fork(down(slices))
            slices = refine(kept, found)
        for up, refine in self._decode:
            found, kept = fork(up(slices))
            slices = refine(kept, found, skips.pop())
        return self._last(slices)


class DownFlow:
    """A strided convolution in the plane, then one along z, then an activation."""

    def __init__(self, part: Down, precision: torch.dtype) -> None:
        self._plane = in_plane(part.xy, precision)
        self._line = None if part.flat else along_z(part.z, precision)
        self._strides = int(part.z.stride[1]), int(part.xy.stride[2])

    def __call__(self, slices: Slices) -> Slices:
        """Yield the slices of the coarser grid."""
        found = map(self._in_plane, slices)
        if self._line is None:
            return map(_activated, found)
        return map(self._along_z, islice(windows(found), 0, None, self._strides[0]))

    def _in_plane(self, here: Slice) -> Slice:
        return [convolved(picture, *self._plane, stride=self._strides[1]) for picture in here]

    def _along_z(self, window: Window) -> Slice:
        kernels, bias = self._line or ([], None)
        first, middle, last = kernels
        totals = []
        for before, here, after in zip(*window, strict=True):
            total = convolved(here, middle, bias)
            add_convolved(total, before, first)
            add_convolved(total, after, last)
            totals.append(total)
        return _activated(totals)


class SeparableFlow:
    """Two trios."""

    def __init__(
        self, part: Separable, precision: torch.dtype, inputs: int = 1, *, rising: bool = False
    ) -> None:
        self._first = RisingSum(part.first, precision) if rising else Sum(part.first, precision, inputs)
        self._second = Sum(part.second, precision)
        self._activate = part.activate

    def __call__(self, *slices: Slices, kept: Slices | None = None) -> Slices:
        """Yield what is made of one or two inputs, with `kept` added where it is given."""
        between = map(self._begun, *map(windows, slices))
        return map(self._ended, windows(between), repeat(None) if kept is None else kept)

    def _begun(self, *inputs: Window) -> Slice:
        return list(self._first(inputs))

    def _ended(self, window: Window, kept: Slice | None) -> Slice:
        totals = []
        for phase, total in enumerate(self._second([window])):
            if self._activate:
                leaky_relu_(total, SLOPE)
            if kept is not None:
                total.add_(kept[phase])
            totals.append(total)
        return totals


class UpFlow:
    """A separable block on a finer grid."""

    def __init__(self, part: Up, precision: torch.dtype) -> None:
        self._slices, in_plane = part.scale
        self._block = SeparableFlow(part.block, precision, rising=in_plane == 2)

    def __call__(self, slices: Slices) -> Slices:
        """Yield the slices of the finer grid."""
        return self._block(chain.from_iterable(map(repeat, slices, repeat(self._slices))))


class ResidualFlow:
    """Two separable blocks, and what is added to them."""

    def __init__(self, part: Residual, precision: torch.dtype, inputs: int = 1) -> None:
        self._first = SeparableFlow(part.first, precision, inputs)
        self._second = SeparableFlow(part.second, precision)

    def __call__(self, kept: Slices, *slices: Slices) -> Slices:
        """Yield what is made of one or two inputs, with `kept` added."""
        return self._second(self._first(*slices), kept=kept)


def windows(slices: Slices) -> Iterator[Window]:
    """Yield each slice between its neighbours; the outermost are neighbours of themselves.

    >>> ["".join(window) for window in windows(iter("abcd"))]
    ['aab', 'abc', 'bcd', 'cdd']
    """
    for first in slices:
        before = here = first
        del first  # or it would be held until the last slice has passed
        for after in slices:
            yield before, here, after
            before, here = here, after
        yield before, here, here


def fork(slices: Iterator[T]) -> tuple[Iterator[T], Iterator[T]]:
    """Return two iterators over what one gives; what both have taken is forgotten at once.

    `itertools.tee` forgets in groups of 57.
    """
    queues: tuple[deque[T], deque[T]] = (deque(), deque())

    def branch(own: deque[T]) -> Iterator[T]:
        while own or _next_into(queues, slices):
            yield own.popleft()

    return branch(queues[0]), branch(queues[1])


def _next_into(queues: Iterable[deque[T]], items: Iterator[T]) -> bool:
    """Put the next item into all queues; whether there was one."""
    for item in items:
        for queue in queues:
            queue.append(item)
        return True
    return False


def _activated(totals: Slice) -> Slice:
    return [leaky_relu_(total, SLOPE) for total in totals]
