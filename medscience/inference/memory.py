"""What becomes of memory that a process has freed, and when it looks for what it may free."""

import ctypes
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

M_TRIM_THRESHOLD = -1
"""glibc's number for how much free memory may lie at the heap's end (malloc.h)."""
M_MMAP_THRESHOLD = -3
"""The same for the size from which an allocation is a mapping of its own."""
LARGE = 1 << 20
"""Bytes; smaller allocations may stay with the process."""
KEPT = {M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 1 << 30}
GIVEN_BACK = {M_MMAP_THRESHOLD: LARGE, M_TRIM_THRESHOLD: 128 << 10}


_WITHIN: list[None] = []
"""One for each `freed_memory_kept` that this process is within."""


def leave_imports_uncollected() -> None:
    """Keep garbage collections from walking through all that was imported: each took a tenth of a second.

    Once in a process: what comes to be after the first call is collected as ever.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def give_back_freed_memory() -> None:
    """Keep glibc from raising its threshold for mappings as large arrays are freed.

    It would rise to 32 MB, and tiles below that, each of a slightly different size, would pile up on the
    heap: a prediction in 27 blocks was measured to hold 900 MB instead of 440. Other C libraries have no
    such call.
    """
    _tell_malloc(GIVEN_BACK)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within this, what is freed is taken again at once: for many slabs of the same few sizes.

    A page that the kernel gives anew has to be cleared first; for a narrow network that took a third of the
    time, of a step of training a tenth. What was kept is given back at the end of the outermost.
    """
    _WITHIN.append(None)
    _tell_malloc(KEPT)
    try:
        yield
    finally:
        _WITHIN.pop()
        if not _WITHIN:
            _tell_malloc(GIVEN_BACK)


def _tell_malloc(settings: dict[int, int]) -> None:
    try:
        library = ctypes.CDLL(None)
        tell, give_back = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        log.debug("this C library has no mallopt: freed memory may stay with the process")
        return
    for setting, size in settings.items():
        tell(setting, size)
    if settings is GIVEN_BACK:
        give_back(0)
