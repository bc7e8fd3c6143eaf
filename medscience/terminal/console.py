"""The one way to stderr, shared by log and bar so that neither writes over the other."""

import sys
from functools import cache

from rich.console import Console


@cache
def console() -> Console:
    """Return the console on stderr.

    Only a terminal gets colours and moving bars, whatever the environment tries to force: a log is for
    reading. NO_COLOR and TERM=dumb are respected.
    """
    return Console(stderr=True, force_terminal=sys.stderr.isatty(), highlight=False)


def is_watched() -> bool:
    """Whether stderr is a terminal on which a line can be drawn again."""
    return console().is_terminal and not console().is_dumb_terminal
