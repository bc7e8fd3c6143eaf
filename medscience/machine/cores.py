"""How many processors this process may use, which is often fewer than there are."""

import os
from collections.abc import Iterator

from medscience.machine.cgroup import ControlGroups, numbers


def usable_cores(groups: ControlGroups | None = None) -> int:
    """Return the number of processors that this process may keep busy.

    The least of what there is, what the scheduler bound the process to, and the quota of its control group,
    rounded down but never below 1: more threads than that only wait for each other.
    """
    quotas = [max(int(quota), 1) for quota in _quotas(groups or ControlGroups())]
    return min([_bound(), *quotas])


def _bound() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _quotas(groups: ControlGroups) -> Iterator[float]:
    """Processors that a group may use, in both versions' files."""
    for folder in groups.folders("cpu"):
        files = (folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")
        for pair in (numbers(folder / "cpu.max"), [n for file in files for n in numbers(file)]):
            match pair:
                case [int(quota), int(period)] if quota > 0 and period > 0:
                    yield quota / period
