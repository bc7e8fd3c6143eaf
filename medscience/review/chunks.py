"""Regions and the chunks that they touch: integers only."""

from collections.abc import Iterator
from itertools import product

from medscience.store.grid import Shape

Region = tuple[slice, ...]
Place = tuple[int, ...]
"""Of a chunk, counted in chunks along each axis."""


def bounds(region: Region, shape: Shape) -> Region:
    """Return a region with both ends of each slice inside of a shape.

    >>> bounds((slice(None), slice(-2, 99)), (3, 5))
    (slice(0, 3, None), slice(3, 5, None))
    """
    return tuple(slice(*part.indices(size)[:2]) for part, size in zip(region, shape, strict=True))


def places_within(region: Region, chunks: Shape) -> Iterator[Place]:
    """Yield the chunks that a region touches.

    >>> list(places_within((slice(3, 5), slice(0, 4)), (4, 4)))
    [(0, 0), (1, 0)]
    """
    along = (
        range(part.start // side, -(-part.stop // side)) if part.stop > part.start else range(0)
        for part, side in zip(region, chunks, strict=True)
    )
    return product(*along)


def chunk_at(place: Place, chunks: Shape, shape: Shape) -> Region:
    """Return the region of a chunk, cut by the far border."""
    return tuple(
        slice(n * side, min((n + 1) * side, size)) for n, side, size in zip(place, chunks, shape, strict=True)
    )


def overlap(one: Region, other: Region) -> Region:
    """Return what two regions have in common."""
    return tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))


def within(inner: Region, outer: Region) -> Region:
    """Return where a region lies inside one around it."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True))
