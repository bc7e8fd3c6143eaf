"""Coarser copies of an image: means of its voxels; of labels: the majority."""

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reduction = Callable[[NDArray[Any], tuple[int, ...]], NDArray[Any]]
"""Takes an array and a factor for each axis, 1, 2 or a divisor of its length; gives the coarser array."""


def mean(values: NDArray[Any], factors: tuple[int, ...]) -> NDArray[Any]:
    """Return the mean of each group of neighbours, in the same dtype, whole numbers rounded to even.

    A group at the far border that is cut by it holds only the neighbours that exist.

    >>> mean(np.array([1, 2, 9]), (2,)).tolist()
    [2, 9]
    """
    groups = _groups(values, factors)
    if np.issubdtype(values.dtype, np.integer):
        return _mean_of_whole_numbers(groups)
    total = groups
    while len(total) > 1:  # in pairs, so that the mean of equal numbers is that number
        half = len(total) // 2
        total = np.add(total[:half], total[half:], dtype=np.float64)
    return np.asarray((total[0] / len(groups)).astype(values.dtype))


def _mean_of_whole_numbers(groups: NDArray[Any]) -> NDArray[Any]:
    """Exact means along the first axis, a power of two long, halves to even; overflows in no type."""
    count = len(groups)
    bits = count.bit_length() - 1
    rest = (groups & (count - 1)).sum(axis=0, dtype=np.int64)
    whole = (groups >> bits).sum(axis=0, dtype=groups.dtype) + (rest >> bits).astype(groups.dtype)
    twice = 2 * (rest & (count - 1))
    up = (twice > count) | ((twice == count) & (whole & 1 == 1))
    return np.asarray(whole + up.astype(groups.dtype))


def majority(labels: NDArray[Any], factors: tuple[int, ...]) -> NDArray[Any]:
    """Return the commonest label of each group of neighbours; of equally common ones the smaller.

    >>> majority(np.array([3, 1, 2, 2, 7]), (2,)).tolist()
    [1, 2, 7]
    """
    even = _even(labels, factors)
    found, mixed = _firsts(even, factors)
    places = [f * place for f, place in zip(factors, np.nonzero(mixed), strict=True)]  # few are
    corners = product(*map(range, factors))
    groups = np.stack([even[tuple(p + c for p, c in zip(places, corner, strict=True))] for corner in corners])
    ordered = np.sort(groups, axis=0)
    votes = np.zeros(ordered.shape, dtype=np.uint8)
    for label in ordered:
        votes += ordered == label
    found[mixed] = np.take_along_axis(ordered, votes.argmax(axis=0)[None], axis=0)[0]
    return found


def _firsts(even: NDArray[Any], factors: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the first of each group of neighbours, and whether another one of them differs."""
    firsts, mixed = even, np.broadcast_to(np.False_, even.shape)
    for axis, factor in enumerate(factors):
        parts = [(slice(None),) * axis + (slice(n, None, factor),) for n in range(factor)]
        first = firsts[parts[0]]
        differ = [mixed[part] for part in parts] + [firsts[part] != first for part in parts[1:]]
        firsts, mixed = first, reduce(np.bitwise_or, differ)
    return firsts.copy(), mixed


def _even(values: NDArray[Any], factors: tuple[int, ...]) -> NDArray[Any]:
    """The last voxel of an odd axis stands twice, which changes neither mean nor majority."""
    odd = [(0, n % f) for n, f in zip(values.shape, factors, strict=True)]
    return np.pad(values, odd, mode="edge") if any(more for _, more in odd) else values


def _groups(values: NDArray[Any], factors: tuple[int, ...]) -> NDArray[Any]:
    """Neighbours that become one voxel, stacked along a new first axis."""
    even = _even(values, factors)
    split = [part for n, f in zip(even.shape, factors, strict=True) for part in (n // f, f)]
    inner = tuple(range(1, 2 * values.ndim, 2))
    outer = tuple(range(0, 2 * values.ndim, 2))
    return even.reshape(split).transpose(*inner, *outer).reshape(-1, *split[::2])
