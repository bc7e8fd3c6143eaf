"""Long work, shown: a bar for a person who is looking, lines for one who reads the log later."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from medscience.progress import Tell, nobody
from medscience.terminal.console import console, is_watched
from medscience.terminal.pace import duration, memory, pace

log = logging.getLogger(__name__)

QUIET = 10.0
"""Seconds at least between two lines of the log."""
PATIENCE = 60.0
"""Seconds after which a line is due even if little was done."""


@contextmanager
def shown(work: str) -> Iterator[Tell]:
    """Show how far a piece of work has come while the block runs, and say at its end how long it took.

    Parameters
    ----------
    work : str
        What is being done, such as ``predict head-1``.

    Yields
    ------
    Tell
        To be called as parts are done. Nothing is shown where the user's level silences ``info``.
    """
    if not log.isEnabledFor(logging.INFO):
        yield nobody
        return
    begun = time.monotonic()
    if is_watched():
        with _bar(work) as tell:
            yield tell
    else:
        yield Lines(work)
    log.info("%s: done in %s", work, duration(time.monotonic() - begun))


class Lines:
    """Says in the log how far work has come: not every part, but every tenth, and never in a rush."""

    def __init__(self, work: str) -> None:
        self._work = work
        self._begun = self._said = time.monotonic()
        self._part = 0.0
        self._before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Hear that parts are done, and say so if it is time."""
        now = time.monotonic()
        if self._before is None or done <= self._before:  # it begins, or goes on where another run ended
            self._begun, self._before, self._part = now, done, done / max(total, 1)
        silence = now - self._said
        is_tenth = done >= (self._part + 0.1) * total
        if done == total or silence < QUIET or not (is_tenth or silence > PATIENCE):
            return
        self._said, self._part = now, done / total
        log.info(
            "%s: %s, %s", self._work, pace(done, total, now - self._begun, before=self._before), memory()
        )


@contextmanager
def _bar(work: str) -> Iterator[Tell]:
    name = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
    columns = (name, BarColumn(bar_width=16), _Pace(table_column=Column(no_wrap=True)))
    with Progress(*columns, console=console(), transient=True, refresh_per_second=4) as progress:
        task = progress.add_task(work, total=None, before=None)

        def tell(done: int, total: int) -> None:
            before = progress.tasks[0].fields["before"]
            if before is None or done <= before:
                progress.reset(task, total=total, completed=done, before=done)
            progress.update(task, completed=done, total=total, seconds=progress.tasks[0].elapsed)

        yield tell


class _Pace(ProgressColumn):
    """What a line of the log would say now."""

    def render(self, task: Task) -> Text:
        seconds = task.elapsed or 0.0
        before = task.fields["before"]
        if before is None or task.completed <= before or task.total is None:
            return Text(f"{duration(seconds)} so far, {memory()}")
        at = task.fields["seconds"]
        words = pace(int(task.completed), int(task.total), at, seconds - at, before)
        return Text(f"{words}, {memory()}")
