"""How long a person worked on a case."""

import time
from collections.abc import Callable

PAUSE = 30.0
"""Seconds: who does nothing for longer than this is looking at something else."""


class Clock:
    """Seconds of work: the time between two signs of it, of each pause no more than `PAUSE`.

    Examples
    --------
    >>> moments = iter([0.0, 10.0, 500.0, 502.0])
    >>> clock = Clock(lambda: next(moments))
    >>> for _ in range(3):
    ...     clock.sign()
    >>> clock.seconds
    42.0
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last = now()
        self.seconds = 0.0

    def sign(self, event: object = None) -> None:
        """Note that the person is at work."""
        now = self._now()
        self.seconds += min(max(now - self._last, 0.0), PAUSE)
        self._last = now

    def restart(self) -> float:
        """Return the seconds so far, and begin with a new case."""
        self.sign()
        seconds, self.seconds = self.seconds, 0.0
        return seconds
