"""Where log messages go: readable on a terminal, with time and level in a log."""

import atexit
import logging
from collections import Counter
from enum import Enum

from rich.text import Text

from medscience.errors import one_line
from medscience.terminal.console import console, is_watched

log = logging.getLogger(__name__)

MOST = 20
"""How often a warning is said."""
STYLES = {logging.DEBUG: "dim", logging.WARNING: "yellow", logging.ERROR: "red"}


class Level(Enum):
    """From which level on messages are said."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OneLine(logging.Formatter):
    """One line for each message, without control characters, whatever a file's name holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return one_line(super().format(record))


class Sparing(logging.Filter):
    """Lets the same warning through `MOST` times, and says at the end how often it came beyond that.

    The same is what comes from the same line of code: a scanner's habit repeats in every slice.
    """

    def __init__(self) -> None:
        super().__init__()
        self._times: Counter[tuple[str, int]] = Counter()
        self._last: dict[tuple[str, int], logging.LogRecord] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is said."""
        place = record.pathname, record.lineno
        self._times[place] += 1
        self._last[place] = record
        return record.levelno < logging.WARNING or self._times[place] <= MOST

    def say_how_many_more(self) -> None:
        """Say how often each warning that was held back came."""
        for place, times in list(self._times.items()):
            last = self._last[place]
            if times > MOST and last.levelno >= logging.WARNING:
                log.warning("%d more like this: %s", times - MOST, last.getMessage())


class ConsoleHandler(logging.Handler):
    """Writes on the console, above a bar that is there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message in its level's colour."""
        console().print(Text(self.format(record), style=STYLES.get(record.levelno, "")))


def say_from(level: Level) -> None:
    """Send the messages of a level and above to stderr; of other packages only warnings."""
    if is_watched():
        handler: logging.Handler = ConsoleHandler()
        handler.setFormatter(OneLine("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    sparing = Sparing()
    handler.addFilter(sparing)
    atexit.register(sparing.say_how_many_more)
    number = logging.getLevelNamesMapping()[level.name]
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("medscience").setLevel(number)
