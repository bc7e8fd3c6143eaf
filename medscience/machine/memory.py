"""How much memory this process may use, which is often less than there is."""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medscience.machine.cgroup import ControlGroups, numbers


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes."""

    total: int
    """Most that this process may ever hold."""
    available: int
    """What it could take now without anything being swapped or killed."""
    limited_by: str = ""
    """What sets that limit; empty for the machine itself."""


def usable_memory(
    groups: ControlGroups | None = None,
    meminfo: Path = Path("/proc/meminfo"),
    address_space: int | None = None,
) -> Memory:
    """Return the memory that this process may use: the machine's, its control groups' or its ulimit's.

    Parameters
    ----------
    groups : ControlGroups, optional
        Default: those of this process.
    meminfo : Path
        The kernel's account.
    address_space : int, optional
        What ``ulimit -v`` allows, in bytes; default: as it is.
    """
    machine = _machine(meminfo)
    limits = [machine, *_group_limits(groups or ControlGroups())]
    allowed = _address_space() if address_space is None else address_space
    if allowed >= 0:
        limits.append(Memory(allowed, allowed, "ulimit -v"))
    least = min(limits, key=lambda limit: limit.total)
    return Memory(least.total, min(limit.available for limit in limits), least.limited_by)


def _machine(meminfo: Path) -> Memory:
    try:
        lines = (line.split() for line in meminfo.read_text("ascii").splitlines())
        found = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines if len(words) > 1}
        return Memory(found["MemTotal"], found["MemAvailable"])
    except (OSError, KeyError, ValueError):  # not Linux
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Memory(total, total)


def _group_limits(groups: ControlGroups) -> Iterator[Memory]:
    """Limit and room of every group that has one; files kept in memory count as used, but give way."""
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    for folder in groups.folders("memory"):
        for limit_name, usage_name, file_name in names:
            match numbers(folder / limit_name), numbers(folder / usage_name):
                case [int(limit)], [int(usage)]:
                    used = max(usage - _stat(folder / "memory.stat", file_name), 0)
                    yield Memory(limit, max(limit - used, 0), "the control group")


def _stat(file: Path, name: str) -> int:
    try:
        pairs = (line.split() for line in file.read_text("ascii").splitlines())
        return int(dict(pair for pair in pairs if len(pair) == 2).get(name, 0))
    except (OSError, ValueError):
        return 0


def _address_space() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return -1 if soft == resource.RLIM_INFINITY else soft
