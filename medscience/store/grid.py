"""Sizes of chunks, shards and pyramid levels: integers only."""

from itertools import product
from math import prod

CHUNK = 64
"""Voxels along a spatial side of a chunk: what a viewer reads at once."""
SHARD = 128
"""Voxels along a spatial side of a shard, unless a block asks for other shards."""
COARSEST = 64
"""A pyramid ends when no spatial side is longer than this."""
FRAME = 512
"""Pixels along a side of a chunk of frames: as many voxels as in a chunk of a volume."""
FRAMES_SHARD = 1 << 23
"""Pixels in a shard of frames, as far as they are whole frames."""

Shape = tuple[int, ...]


def storage_grid(shape: Shape, block: Shape | None = None) -> tuple[Shape, Shape]:
    """Return the sides of chunks and shards, so that a block of given sides is whole shards.

    Axes before the last three get chunks and shards of one; but frames, which are series in time of a single
    slice, share a shard, since a recording has thousands.

    >>> storage_grid((256, 256, 100))
    ((64, 64, 64), (128, 128, 128))
    >>> storage_grid((256, 256, 256), block=(96, 120, 88))
    ((48, 60, 44), (96, 120, 88))
    >>> storage_grid((9000, 1, 384, 512))
    ((1, 1, 384, 512), (42, 1, 384, 512))
    """
    if block is None and are_frames(shape):
        return _frames_grid(shape)
    sides = block or tuple(min(SHARD, -(-n // CHUNK) * CHUNK) for n in shape[-3:])
    pairs = [_chunk_and_shard(n, side) for n, side in zip(shape[-3:], sides, strict=True)]
    lead = (1,) * (len(shape) - 3)
    return (*lead, *(chunk for chunk, _ in pairs)), (*lead, *(shard for _, shard in pairs))


def are_frames(shape: Shape) -> bool:
    """Whether a shape (…, Z, Y, X) is a series of single slices."""
    return len(shape) > 3 and shape[-3] == 1


def _frames_grid(shape: Shape) -> tuple[Shape, Shape]:
    times, *lead = shape[:-2]
    chunk = tuple(min(FRAME, n) for n in shape[-2:])
    whole = tuple(-(-n // c) * c for n, c in zip(shape[-2:], chunk, strict=True))
    together = min(max(FRAMES_SHARD // prod(whole), 1), times)
    ones = (1,) * len(lead)
    return (1, *ones, *chunk), (together, *ones, *whole)


def _chunk_and_shard(size: int, block: int) -> tuple[int, int]:
    """Chunk and shard along one axis: the block is a whole number of shards, or all of the axis."""
    if block >= size:
        chunk = min(CHUNK, size)
        return chunk, min(SHARD, -(-size // chunk) * chunk)
    shard = next((s for s in range(SHARD, CHUNK, -1) if block % s == 0), block)
    parts = next((p for p in range(-(-shard // CHUNK), shard // 16 + 1) if shard % p == 0), 1)
    return shard // parts, shard


def level_factors(
    shape: Shape, spacing: tuple[float, float, float], coarsest: int = COARSEST
) -> list[tuple[int, int, int]]:
    """Return by how much each pyramid level is coarser than the image, along (z, y, x).

    Long axes are halved until no side is longer than `coarsest`; one whose voxels are already twice as long
    as the shortest waits for the others.

    >>> level_factors((20, 512, 512), spacing=(5.0, 1.0, 1.0))
    [(1, 1, 1), (1, 2, 2), (1, 4, 4), (1, 8, 8)]
    """
    levels = [(1, 1, 1)]
    while True:
        last = levels[-1]
        sides = [-(-n // f) for n, f in zip(shape[-3:], last, strict=True)]
        steps = [s * f for s, f in zip(spacing, last, strict=True)]
        finest = min((step for step, n in zip(steps, sides, strict=True) if n > coarsest), default=0)
        grow = [2 if n > coarsest and step < 2 * finest else 1 for n, step in zip(sides, steps, strict=True)]
        if max(grow) == 1:
            return levels
        z, y, x = (f * g for f, g in zip(last, grow, strict=True))
        levels.append((z, y, x))


def regions(shape: Shape, block: Shape) -> list[tuple[slice, ...]]:
    """Cut a shape into regions of at most `block`, in storage order.

    >>> regions((3, 2), (2, 2))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    corners = product(*(range(0, n, b) for n, b in zip(shape, block, strict=True)))
    return [
        tuple(slice(c, min(c + b, n)) for c, b, n in zip(corner, block, shape, strict=True))
        for corner in corners
    ]
