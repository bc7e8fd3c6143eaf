"""How far work has come: rooms tell it to whoever asked, and know nothing of screens."""

import faulthandler
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from medscience.errors import StallError

Tell = Callable[[int, int], None]
"""Takes how many parts are done, and of how many; called with 0 when the first one begins."""


def nobody(done: int, total: int) -> None:
    """Hear it, and do nothing."""


@contextmanager
def unless_stalled(tell: Tell, patience: float) -> Iterator[Tell]:
    """Pass on what is told while the block runs, unless nothing is for too long.

    Then every thread's stack goes to stderr, and `StallError` is raised in a thread of its own, as the one
    that works hangs: the command line ends the process with it.

    Parameters
    ----------
    tell : callable
        Hears what is told.
    patience : float
        Seconds without a word after which work counts as stalled.
    """
    heard, over = threading.Event(), threading.Event()

    def hear(done: int, total: int) -> None:
        heard.set()
        tell(done, total)

    def listen() -> None:
        while heard.wait(patience):
            heard.clear()
            if over.is_set():
                return
        faulthandler.dump_traceback()
        raise StallError(
            "STALLED",
            field="progress",
            found=f"nothing done for {patience / 60:g} minutes",
            expected="some",
            fix="run it again, finished blocks are kept; if blocks take that long, with a larger --stall",
        )

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield hear
    finally:
        over.set()
        heard.set()
        listener.join()
