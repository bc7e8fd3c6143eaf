"""A scan and its mirror images: a network that sees them all, and averages, answers alike for either hand.

Each is computed as the mirrored scan would be, border and alignment too, block by block: nothing but one more
block of features is held.
"""

from itertools import chain, combinations

from medscience.inference.tiling import Region, Sizes

Flips = tuple[int, ...]
"""Axes of the frame that run backwards."""


def ways(axes: Flips) -> tuple[Flips, ...]:
    """Return every way to mirror along some of the axes, the scan as it is first.

    >>> ways((0, 2))
    ((), (0,), (2,), (0, 2))
    """
    return tuple(chain.from_iterable(combinations(axes, n) for n in range(len(axes) + 1)))


def mirrored(region: Region, flips: Flips, shape: Sizes) -> Region:
    """Return where a region of a volume lies in its mirror image, and the other way round.

    >>> mirrored((slice(0, 3), slice(1, 2)), (0,), (10, 10))
    (slice(7, 10, None), slice(1, 2, None))
    """
    return tuple(
        slice(n - part.stop, n - part.start) if axis in flips else part
        for axis, (part, n) in enumerate(zip(region, shape, strict=True))
    )


def turned(flips: Flips) -> list[int]:
    """Return the axes of a tensor (1, C, I, J, K) that are flipped."""
    return [axis + 2 for axis in flips]
