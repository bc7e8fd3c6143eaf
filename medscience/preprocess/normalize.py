"""From a scanner's arbitrary brightness to the range that a network was trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.arrays import zeros
from medscience.description import HounsfieldWindow, Normalize
from medscience.errors import InputError
from medscience.image import Image

AT_ONCE = 4
"""Slices that are scaled together: they stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Two quantiles of all voxels become 0 and 1."""

    low: float
    high: float
    softening: float = 0.0
    """Added to the distance of the quantiles."""
    clip: bool = False
    """Whether what lies outside [0, 1] is cut off."""


RULES: dict[Normalize, Rule] = {
    "minmax": Rule(0.0, 1.0),
    "quantile-5-95": Rule(0.05, 0.95),
    "quantile-2-98-clip": Rule(0.02, 0.98, softening=1e-3, clip=True),
}
"""brainchop's page uses the first two, its current command line the third, with the same weights: the
model file says which."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """A rule with the quantiles of one image."""

    low: float
    width: float
    clip: bool

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return normalised values, float32, of the same shape."""
        scaled = zeros(values.shape, np.float32)
        for first in range(0, len(values), AT_ONCE):
            part = scaled[first : first + AT_ONCE]
            part[...] = values[first : first + AT_ONCE]
            part -= np.float32(self.low)
            part /= np.float32(self.width)
            if self.clip:
                np.clip(part, 0, 1, out=part)
        return scaled


@dataclass(frozen=True, slots=True)
class Windowing:
    """Hounsfield units cut to a window, less an offset: the same for every image."""

    window: HounsfieldWindow

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return normalised values, float32, of the same shape."""
        scaled = np.clip(values.astype(np.float32), self.window.low, self.window.high)
        scaled -= np.float32(self.window.offset)
        return scaled


def normalization(image: Image, name: Normalize | HounsfieldWindow) -> Normalization | Windowing:
    """Return the normalisation of an image, reading it in pieces where that depends on its values.

    Parameters
    ----------
    image : Image
        A volume (Z, Y, X).
    name : str or HounsfieldWindow
        The rule in the model file.

    Raises
    ------
    InputError
        If the quantiles coincide: a constant image has no brightness to scale.
    """
    if isinstance(name, HounsfieldWindow):
        return Windowing(name)
    rule = RULES[name]
    low, high = quantiles(image.pieces, (rule.low, rule.high))
    if high <= low:
        raise InputError(
            "IMAGE-CONSTANT",
            field="voxels",
            found=f"{low} at {rule.low:.0%} and {high} at {rule.high:.0%} of all voxels",
            expected="an image with contrast",
            fix="check the source",
        )
    return Normalization(low, high - low + rule.softening, rule.clip)


def quantiles(pieces: Callable[[], Iterator[NDArray[Any]]], fractions: tuple[float, ...]) -> list[float]:
    """Return exact quantiles of all values, in two passes and little memory.

    Equal to ``numpy.quantile`` (linear interpolation) of the values as float32. Each value's bits, turned so
    that their order is the values', are counted by their upper and then, where needed, their lower half.
    Whole numbers of 8 or 16 bits are counted as they are.

    Parameters
    ----------
    pieces : callable
        Yields all values, in pieces, each time that it is called.
    fractions : tuple of float
        Wanted quantiles, from 0 to 1.

    Examples
    --------
    >>> quantiles(lambda: iter([np.array([4.0, 1.0]), np.array([2.0, 3.0])]), (0.0, 0.5))
    [1.0, 2.5]
    """
    if set(fractions) <= {0.0, 1.0}:
        return _ends(pieces, fractions)
    kind = next(pieces()).dtype
    if kind.kind in "ui" and kind.itemsize <= 2:
        return _of_whole_numbers(pieces, fractions, int(np.iinfo(kind).min))
    upper = np.zeros(1 << 16, dtype=np.int64)
    for piece in pieces():
        upper += np.bincount(_ordered(piece) >> 16, minlength=1 << 16)
    ends = np.cumsum(upper)
    places = [fraction * (int(ends[-1]) - 1) for fraction in fractions]
    ranks = sorted({int(f(place)) for place in places for f in (np.floor, np.ceil)})
    halves = {rank: int(np.searchsorted(ends, rank, side="right")) for rank in ranks}
    lower = {half: np.zeros(1 << 16, dtype=np.int64) for half in set(halves.values())}
    for piece in pieces():
        keys = _ordered(piece)
        for half in lower:
            lower[half] += np.bincount(keys[keys >> 16 == half] & 0xFFFF, minlength=1 << 16)
    value = {}
    for rank, half in halves.items():
        inside = rank - int(ends[half] - upper[half])
        low = int(np.searchsorted(np.cumsum(lower[half]), inside, side="right"))
        value[rank] = _value(half << 16 | low)
    return [_between(value, place) for place in places]


def _ends(pieces: Callable[[], Iterator[NDArray[Any]]], fractions: tuple[float, ...]) -> list[float]:
    """The smallest and the largest value: nothing has to be counted."""
    both = [(np.float32(piece.min()), np.float32(piece.max())) for piece in pieces() if piece.size]
    lowest, highest = min(low for low, _ in both), max(high for _, high in both)
    return [float(highest if fraction else lowest) for fraction in fractions]


def _of_whole_numbers(
    pieces: Callable[[], Iterator[NDArray[Any]]], fractions: tuple[float, ...], lowest: int
) -> list[float]:
    counts = np.zeros(1 << 16, dtype=np.int64)
    for piece in pieces():
        counts += np.bincount(piece.ravel(order="K").astype(np.int64) - lowest, minlength=1 << 16)
    ends = np.cumsum(counts)
    places = [fraction * (int(ends[-1]) - 1) for fraction in fractions]
    ranks = {int(f(place)) for place in places for f in (np.floor, np.ceil)}
    value = {rank: float(np.searchsorted(ends, rank, side="right") + lowest) for rank in ranks}
    return [_between(value, place) for place in places]


def _between(value: dict[int, float], place: float) -> float:
    before, after = value[int(np.floor(place))], value[int(np.ceil(place))]
    return before + (after - before) * float(place - np.floor(place))


def _ordered(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Unsigned keys whose order is the order of the values as float32."""
    bits = (np.ascontiguousarray(values, dtype=np.float32).ravel() + np.float32(0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _value(key: int) -> float:
    """The float32 that has a key."""
    bits = key ^ (1 << 31) if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array(bits, dtype=np.uint32).view(np.float32))
