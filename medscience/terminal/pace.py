"""How fast work goes, in words: the same on a bar and in a log."""

from pathlib import Path
from resource import getpagesize


def pace(done: int, total: int, seconds: float, since: float = 0.0, before: int = 0) -> str:
    """Return what is done, how fast, and when the rest will be.

    Parameters
    ----------
    done, total : int
        Parts.
    seconds : float
        What the parts that this run did took.
    since : float
        What went by since the last of them.
    before : int
        Parts that were done before this run.

    Examples
    --------
    >>> pace(12, 27, seconds=38.4)
    '12 of 27 (44 %), 3.2 s each, 48 s left'
    >>> pace(300, 4000, seconds=60.0)
    '300 of 4000 (7 %), 5.0 a second, 12 min 20 s left'
    >>> pace(0, 3, seconds=8.0)
    '0 of 3'
    >>> pace(90, 100, seconds=20.0, before=80)
    '90 of 100 (90 %), 2.0 s each, 20 s left'
    """
    if done <= before:
        return f"{done} of {total}"
    each = seconds / (done - before)
    speed = f"{each:.1f} s each" if each >= 1 else f"{1 / max(each, 1e-6):.1f} a second"
    left = max(each * (total - done) - since, 0.0)
    return f"{done} of {total} ({100 * done // total} %), {speed}, {duration(left)} left"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that matter.

    >>> [duration(s) for s in (0.4, 48.2, 739.8, 11_150.0)]
    ['0.4 s', '48 s', '12 min 20 s', '3 h 6 min']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def memory() -> str:
    """Return the memory that this process holds now, as in ``1.20 GiB``; empty where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return ""
    return f"{pages * getpagesize() / (1 << 30):.2f} GiB"
