"""Tiles: a block with its halo. Integers only.

A block is what one unit of work writes, always whole shards; its tile is what the network sees for it: the
block with a halo of context, which is read and thrown away.

::

    read  |······[####]······|      halo, kept part, halo
    box          [####]

At the outer border there is no context: the network pads there as it does on a whole volume.
"""

Region = tuple[slice, ...]
Sizes = tuple[int, ...]


def with_halo(box: Region, halo: Sizes, shape: Sizes, align: int = 1) -> tuple[Region, Region]:
    """Return a box with its context, cut at the border, and where the box lies inside it.

    Where it is not cut, the context starts and ends at a multiple of `align`: up to ``align - 1`` voxels of
    the halo are given up for it.

    >>> with_halo((slice(2, 4),), (3,), (6,))
    ((slice(0, 6, None),), (slice(2, 4, None),))
    >>> with_halo((slice(20, 30),), (3,), (99,), align=2)
    ((slice(18, 32, None),), (slice(2, 12, None),))
    """
    read = tuple(
        slice(
            -(-max(b.start - h, 0) // align) * align,
            n if b.stop + h >= n else (b.stop + h) // align * align,
        )
        for b, h, n in zip(box, halo, shape, strict=True)
    )
    return read, relative(box, read)


def grown(box: Region, reach: int, shape: Sizes) -> Region:
    """Return a box with so many more voxels on each side as there are.

    >>> grown((slice(2, 4),), 3, (6,))
    (slice(0, 6, None),)
    """
    return tuple(
        slice(max(part.start - reach, 0), min(part.stop + reach, n))
        for part, n in zip(box, shape, strict=True)
    )


def relative(inner: Region, outer: Region) -> Region:
    """Return where a box lies inside another one.

    >>> relative((slice(5, 7),), (slice(2, 9),))
    (slice(3, 5, None),)
    """
    return tuple(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
