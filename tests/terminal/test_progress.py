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


def test_what_another_run_did_does_not_count_in_the_pace(clock, said):
    tell = Lines("train a")
    clock.now = 5.0
    tell(800, 1000)
    clock.now = 85.0
    tell(820, 1000)
    assert said.messages[-1].startswith("train a: 820 of 1000 (82 %), 4.0 s each, 12 min 0 s left, ")
    tell(0, 10)  # the next piece of the same work
    clock.now = 145.0
    tell(2, 10)
    assert said.messages[-1].startswith("train a: 2 of 10 (20 %), 30.0 s each, 4 min 0 s left, ")


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
