"""Being told to stop: by Ctrl-C, by a scheduler whose time is up."""

import os
import signal
import threading
import time
from types import FrameType
from typing import cast

from medscience.errors import StoppedError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE = 8.0
"""Seconds in which the main thread may clean up: schedulers kill what has not ended some time later."""
REMINDER = 0.2
"""Seconds after which a main thread that has not noticed is told again."""


class Stop(BaseException):
    """Raised in the main thread when the process is told to stop; only the command line catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.fault = StoppedError(
            "STOPPED",
            field="signal",
            found=signal.Signals(number).name,
            expected="time to finish",
            fix="run it again: what is finished is kept",
        )


def stop_when_told() -> None:
    """Raise `Stop` in the main thread when a signal says so, once.

    Python runs a handler between two steps of the main thread, and a step may be minutes of a network's
    layer. So the interpreter's own note of the signal wakes a thread, which raises `StoppedError` if the
    process is still there after the time of grace: the command line then ends it. Finished blocks are
    durable by then, and the lease is that of a process which died. Until then it tells the main thread again,
    which may have begun to wait for something just as the signal came, and would sleep through it.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as it is for what nohup or a shell shields
            signal.signal(number, _stop)
    threading.Thread(target=_insist, args=(reading,), daemon=True).start()


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # cleaning up is not interrupted in its turn
    raise Stop(number)


def _insist(told: int) -> None:
    while (number := os.read(told, 1)[0]) not in SIGNALS:
        pass
    for _ in range(round(GRACE / REMINDER)):
        time.sleep(REMINDER)
        if signal.getsignal(number) is _stop:
            signal.pthread_kill(cast(int, threading.main_thread().ident), number)
    raise Stop(number).fault
