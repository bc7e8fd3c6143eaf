"""What was changed goes to the disk every few seconds, off the thread that draws."""

import threading
from collections.abc import Callable

from medscience.errors import MedscienceError

EVERY = 3.0
"""Seconds."""


class Autosave:
    """Calls `save` on a thread of its own, whenever there is something to save, until `close`.

    Parameters
    ----------
    save : callable
        Saves what was changed since the last time.
    is_due : callable
        Whether there is any.
    tell : callable
        Hears what went wrong, on the thread that saves. It is tried again.
    """

    def __init__(
        self, save: Callable[[], None], is_due: Callable[[], bool], tell: Callable[[str], None]
    ) -> None:
        self._save, self._is_due, self._tell = save, is_due, tell
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after what is being saved is saved."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(EVERY):
            if self._is_due():
                try:
                    self._save()
                except (MedscienceError, OSError) as fault:
                    self._tell(f"Not saved, and tried again: {fault}")
