"""Where log messages go: readable on a terminal, with time and level in a log."""

import logging
from enum import Enum

from rich.text import Text

from medscience.errors import one_line
from medscience.terminal.console import console, is_watched

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
    number = logging.getLevelNamesMapping()[level.name]
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("medscience").setLevel(number)
