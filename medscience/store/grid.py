"""Sizes of chunks, shards and pyramid levels: integers only."""

from itertools import product

CHUNK = 64
"""Voxels along a spatial side of a chunk: what a viewer reads at once."""
SHARD = 128
"""Voxels along a spatial side of a shard, unless a block asks for other shards."""
COARSEST = 64
"""A pyramid ends when no spatial side is longer than this."""

Shape = tuple[int, ...]


def storage_grid(shape: Shape, block: Shape | None = None) -> tuple[Shape, Shape]:
    """Return the sides of chunks and shards, so that a block of given sides is whole shards.

    Axes before the last three get chunks and shards of one.

    >>> storage_grid((256, 256, 100))
    ((64, 64, 64), (128, 128, 128))
    >>> storage_grid((256, 256, 256), block=(96, 120, 88))
    ((48, 60, 44), (96, 120, 88))
    """
    sides = block or tuple(min(SHARD, -(-n // CHUNK) * CHUNK) for n in shape[-3:])
    pairs = [_chunk_and_shard(n, side) for n, side in zip(shape[-3:], sides, strict=True)]
    lead = (1,) * (len(shape) - 3)
    return (*lead, *(chunk for chunk, _ in pairs)), (*lead, *(shard for _, shard in pairs))


def _chunk_and_shard(size: int, block: int) -> tuple[int, int]:
    """Chunk and shard along one axis: the block is a whole number of shards, or all of the axis."""
    if block >= size:
        chunk = min(CHUNK, size)
        return chunk, min(SHARD, -(-size // chunk) * chunk)
    shard = next((s for s in range(SHARD, CHUNK, -1) if block % s == 0), block)
    parts = next((p for p in range(-(-shard // CHUNK), shard // 16 + 1) if shard % p == 0), 1)
    return shard // parts, shard


def level_factors(shape: Shape, spacing: tuple[float, float, float]) -> list[tuple[int, int, int]]:
    """Return by how much each pyramid level is coarser than the image, along (z, y, x).

    Long axes are halved; one whose voxels are already twice as long as the shortest waits for the others.

    >>> level_factors((20, 512, 512), spacing=(5.0, 1.0, 1.0))
    [(1, 1, 1), (1, 2, 2), (1, 4, 4), (1, 8, 8)]
    """
    levels = [(1, 1, 1)]
    while True:
        last = levels[-1]
        sides = [-(-n // f) for n, f in zip(shape[-3:], last, strict=True)]
        steps = [s * f for s, f in zip(spacing, last, strict=True)]
        finest = min((step for step, n in zip(steps, sides, strict=True) if n > COARSEST), default=0)
        grow = [2 if n > COARSEST and step < 2 * finest else 1 for n, step in zip(sides, steps, strict=True)]
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
