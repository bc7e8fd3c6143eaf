"""Memory that a run may take."""

from medscience.doctor.finding import Finding, State
from medscience.machine.memory import Memory, usable_memory

LITTLE = 2 << 30
"""Bytes; below this a scan of 256 voxels a side is cut into many blocks."""


def memory(usable: Memory | None = None) -> Finding:
    """How much there is and how much of it is free."""
    usable = usable or usable_memory()
    limit = f", limited by {usable.limited_by}" if usable.limited_by else ""
    found = f"{gibibytes(usable.available)} free of {gibibytes(usable.total)}{limit}"
    if usable.available < LITTLE:
        return Finding("memory", State.WARNING, found, "close other programs, or raise the limit")
    return Finding("memory", State.OK, found)


def gibibytes(size: int) -> str:
    """Return a size in GiB.

    >>> gibibytes(3 << 29)
    '1.5 GiB'
    """
    return f"{size / (1 << 30):.1f} GiB"
