"""Ten thousand mutants of good sources: refused by name or read, never anything else, never for long.

`make fuzz` tries a million. A mutant that fails is made again from the numbers in the message.
"""

import resource
import time

import pytest

from medscience.ingest.fence import Fence
from tests.fuzz.judge import Pen, preflight, reading
from tests.fuzz.seeds import SEEDS

MUTANTS = 10_000 // len(SEEDS)
WHOLE = 300 // len(SEEDS)
LONGEST = 5.0
"""Seconds that a header may take."""


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutant_is_refused_by_name_or_understood(name, tmp_path):
    pen, refused = Pen(SEEDS[name], tmp_path / "pen"), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(MUTANTS):
        start = time.monotonic()
        with pen.put(name, number):
            try:
                refused += preflight(pen.path)
            except Exception as fault:  # noqa: BLE001 - any is a find
                pytest.fail(f"{name} {number}: {fault!r}")
        assert time.monotonic() - start < LONGEST, number
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 256 << 10, f"{grown >> 10} MiB more than before"
    assert 0 < refused < MUTANTS, "what is changed matters, but not always"
    assert not preflight(pen.path), "the good source is good"


@pytest.fixture(scope="module")
def fence():
    with Fence(memory=512 << 20, seconds=20.0) as fence:
        yield fence


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutant_that_is_read_to_its_end_behaves_too(name, fence, tmp_path):
    pen = Pen(SEEDS[name], tmp_path / "pen")
    for number in range(WHOLE):
        with pen.put(name, number):
            assert fence.call(reading, str(pen.path)) in {True, False}, number
    assert fence.call(reading, str(pen.path)) is False
