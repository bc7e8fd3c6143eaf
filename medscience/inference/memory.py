"""Making a process give back what it has freed."""

import ctypes
import logging

log = logging.getLogger(__name__)

M_MMAP_THRESHOLD = -3
"""glibc's number for the size from which an allocation is a mapping of its own (malloc.h)."""
LARGE = 1 << 20
"""Bytes; smaller allocations may stay with the process."""


def give_back_freed_memory() -> None:
    """Keep glibc from raising its threshold for mappings as large arrays are freed.

    It would rise to 32 MB, and tiles below that, each of a slightly different size, would pile up on the
    heap: a prediction in 27 blocks was measured to hold 900 MB instead of 440. Other C libraries have no
    such call.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        log.debug("this C library has no mallopt: freed memory may stay with the process")
        return
    mallopt(M_MMAP_THRESHOLD, LARGE)
