"""Lines for a log: few enough to read, never two in a rush."""

import logging
from itertools import pairwise

import pytest

from medscience.errors import InputError
from medscience.progress import nobody
from medscience.terminal import progress
from medscience.terminal.progress import QUIET, Lines, shown


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "medscience")
    return caplog


@pytest.mark.parametrize("each", [0.01, 1.0, 7.0, 300.0])
def test_lines_are_at_least_ten_seconds_apart_and_at_most_one_for_each_part(each, clock, said):
    tell, times = Lines("work"), []
    tell(0, 200)
    for done in range(1, 201):
        clock.now += each
        before = len(said.messages)
        tell(done, 200)
        times += [clock.now] * (len(said.messages) - before)
    assert all(after - before >= QUIET for before, after in pairwise(times))
    assert len(times) <= max(10, clock.now / 60)
    assert bool(times) == (each > 0.1)


def test_a_line_says_how_much_how_fast_and_how_long_still(clock, said):
    clock.now = 100.0  # what came before the first part does not count
    tell = Lines("predict a")
    clock.now = 160.0
    tell(0, 4)
    clock.now = 190.0
    tell(1, 4)
    assert said.messages[-1].startswith("predict a: 1 of 4 (25 %), 30.0 s each, 1 min 30 s left, ")


def test_the_end_is_said_but_not_where_the_level_silences_it(said):
    with shown("work") as tell:
        tell(1, 1)
    assert said.messages == ["work: done in 0.0 s"]
    said.clear()
    said.set_level(logging.WARNING, "medscience")
    with shown("work") as tell:
        assert tell is nobody
    assert said.messages == []


def fail():
    raise InputError("CODE", field="f", found=1, expected=2, fix="mend it")


def test_what_failed_is_not_called_done(said):
    with pytest.raises(InputError), shown("work"):
        fail()
    assert said.messages == []
