import logging

import pytest

from medscience.terminal.logs import MOST, OneLine, Sparing


class Kept(logging.Handler):
    """A log that keeps its lines."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.sparing = Sparing()
        self.addFilter(self.sparing)
        self.setFormatter(OneLine("%(message)s"))

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def kept(caplog):
    """What is said of the medscience logger's messages."""
    handler, ours = Kept(), logging.getLogger("medscience")
    ours.addHandler(handler)
    with caplog.at_level("INFO", "medscience"):
        yield handler
    ours.removeHandler(handler)


log = logging.getLogger("medscience.test")


def test_a_flood_of_warnings_is_a_few_lines_and_a_number(kept):
    for n in range(10_000):
        log.warning("slice %d is odd", n)
    log.warning("something else")
    kept.sparing.say_how_many_more()
    assert len(kept.lines) == MOST + 2
    assert kept.lines[MOST] == "something else"
    assert kept.lines[-1] == f"{10_000 - MOST} more like this: slice 9999 is odd"


def test_what_is_told_of_every_sample_is_always_said(kept):
    for n in range(MOST + 5):
        log.info("sample %d is done", n)
    kept.sparing.say_how_many_more()
    assert len(kept.lines) == MOST + 5


def test_a_message_is_one_line_whatever_a_name_holds(kept):
    log.warning("%s", "a\nb\x1b[31m")
    assert kept.lines == ["a b [31m"]
