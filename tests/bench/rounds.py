"""Runs that are compared: each in a process of its own, side by side with the others of its round."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took."""

    seconds: float
    """By its own clock, after everything is imported."""
    peak: int = 0
    """Largest resident memory, in bytes (VmHWM)."""
    found: Mapping[str, float] = field(default_factory=dict)
    """What else it measured."""
    labels: Path | None = None
    """Where its labels lie: a store, or a NumPy file."""


Rounds = Mapping[str, list[Run]]
"""The runs of each side, one for each round."""


def run(side: str, labels: Path | None = None, **arguments: object) -> Run:
    """Run a function of `tests.bench.sides` in a process of its own; `labels` is where it writes."""
    written = {} if labels is None else {"labels": labels}
    command = [sys.executable, "-m", "tests.bench.sides", side, json.dumps(arguments | written, default=str)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Run(**json.loads(done.stdout), labels=labels)


def rounds(count: int, sides: Mapping[str, Callable[[], Run]]) -> Rounds:
    """Run all sides in each round, every second round backwards: a machine that warms up favours none.

    >>> order = []
    >>> sides = {name: lambda name=name: order.append(name) or Run(1.0) for name in "ab"}
    >>> _ = rounds(2, sides)
    >>> order
    ['a', 'b', 'b', 'a']
    """
    found: dict[str, list[Run]] = {name: [] for name in sides}
    for turn in range(count):
        for name in reversed(sides) if turn % 2 else sides:
            found[name].append(sides[name]())
    return found


def seconds(runs: list[Run]) -> float:
    """Return the median time."""
    return statistics.median(one.seconds for one in runs)


def peak(runs: list[Run]) -> float:
    """Return the largest memory, in GiB."""
    return max(one.peak for one in runs) / GIB


def ratio(runs: list[Run], others: list[Run]) -> float:
    """Return the median, over rounds, of how many times longer the first took."""
    pairs = zip(runs, others, strict=True)
    return statistics.median(one.seconds / other.seconds for one, other in pairs)
