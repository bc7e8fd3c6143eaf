"""Changed chunks go to the draft every few seconds, off the thread that draws."""

import threading
from collections.abc import Callable

from medscience.errors import MedscienceError
from medscience.review.drafts import Draft
from napari_medscience.edit.chunks import LabelChunks

EVERY = 3.0
"""Seconds."""


class Autosave:
    """Saves what was changed, and nothing else, until `close`.

    Parameters
    ----------
    chunks : LabelChunks
        What is edited.
    draft : Draft
        Where changed chunks go.
    tell : callable
        Hears after each attempt what went wrong, or None; on the thread that saves.
    """

    def __init__(
        self, chunks: LabelChunks, draft: Draft, tell: Callable[[str | None], None], every: float = EVERY
    ) -> None:
        self._chunks, self._draft, self._tell = chunks, draft, tell
        self._saving = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(every,), name="autosave", daemon=True)
        self._thread.start()

    def save(self) -> None:
        """Save what was changed since the last time; it is on the disk when this returns.

        Raises
        ------
        MedscienceError, OSError
            If it could not be saved. It is tried again.
        """
        with self._saving:
            taken = self._chunks.take_unsaved()
            try:
                for chunk in list(taken):
                    self._draft.write(self._chunks.region(chunk), taken[chunk])
                    del taken[chunk]
            finally:
                self._chunks.give_back(taken)

    def close(self) -> None:
        """Stop; what is not saved yet is left to `save`."""
        self._end.set()
        self._thread.join()

    def _run(self, every: float) -> None:
        while not self._end.wait(every):
            if self._chunks.unsaved:
                try:
                    self.save()
                except (MedscienceError, OSError) as fault:
                    self._tell(str(fault))
                else:
                    self._tell(None)
