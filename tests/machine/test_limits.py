"""The tightest limit counts, wherever it is set."""

import os

import pytest

from medscience.machine.cgroup import ControlGroups
from medscience.machine.cores import usable_cores
from medscience.machine.memory import usable_memory

GIB = 1 << 30
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1 kB\nMemAvailable:    8388608 kB\n"


@pytest.fixture
def groups(tmp_path):
    """Writes control groups: where the process is, and what the files of its groups hold."""

    def write(membership, **files):
        mount = tmp_path / "mount"
        for path, content in files.items():
            (mount / path).parent.mkdir(parents=True, exist_ok=True)
            (mount / path).write_text(content)
        (tmp_path / "cgroup").write_text(membership)
        (tmp_path / "meminfo").write_text(MEMINFO)
        return ControlGroups(tmp_path / "cgroup", mount)

    return write


@pytest.fixture
def memory(tmp_path):
    def read(groups, address_space=-1):
        return usable_memory(groups, tmp_path / "meminfo", address_space)

    return read


@pytest.fixture(autouse=True)
def _eight_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    "membership, files, cores",
    [
        ("0::/job/step\n", {"job/step/cpu.max": "max 100000"}, 8),
        ("0::/job/step\n", {"job/step/cpu.max": "200000 100000"}, 2),
        ("0::/job/step\n", {"job/cpu.max": "350000 100000", "job/step/cpu.max": "max 100000"}, 3),
        ("0::/job/step\n", {"job/cpu.max": "50000 100000"}, 1),
        ("0::/job/step\n", {"job/cpu.max": "6400000 100000"}, 8),
        (
            "4:cpu,cpuacct:/job\n0::/\n",
            {"cpu/job/cpu.cfs_quota_us": "400000", "cpu/job/cpu.cfs_period_us": "100000"},
            4,
        ),
        (
            "4:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"},
            8,
        ),
        ("4:cpu:/on/the/host\n", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ("0::/job\n", {"job/cpu.max": "nonsense"}, 8),
        ("", {}, 8),
    ],
    ids=[
        "none",
        "own",
        "parent's",
        "half a core",
        "more than there are",
        "v1",
        "v1 none",
        "container",
        "odd",
        "no",
    ],
)
def test_cores_are_the_least_of_binding_and_quotas(membership, files, cores, groups):
    assert usable_cores(groups(membership, **files)) == cores


def test_a_process_bound_to_few_processors_counts_those(monkeypatch, groups):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert usable_cores(groups("0::/job\n", **{"job/cpu.max": "400000 100000"})) == 2


def test_without_limits_memory_is_the_machines(groups, memory):
    found = memory(groups("0::/job\n", **{"job/memory.max": "max", "job/memory.current": "1"}))
    assert (found.total, found.available, found.limited_by) == (16 * GIB, 8 * GIB, "")


def test_a_groups_limit_counts_and_files_kept_in_memory_give_way(groups, memory):
    files = {
        "job/memory.max": f"{4 * GIB}\n",
        "job/memory.current": f"{3 * GIB}\n",
        "job/memory.stat": f"anon 5\ninactive_file {2 * GIB}\n",
    }
    found = memory(groups("0::/job/step\n", **files))
    assert (found.total, found.available, found.limited_by) == (4 * GIB, 3 * GIB, "the control group")


def test_the_first_version_of_groups_is_read_too(groups, memory):
    files = {
        "memory/job/memory.limit_in_bytes": str(2 * GIB),
        "memory/job/memory.usage_in_bytes": str(GIB),
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "memory/memory.usage_in_bytes": str(9 * GIB),
    }
    found = memory(groups("7:memory:/job\n2:cpu:/\n", **files))
    assert (found.total, found.available) == (2 * GIB, GIB)


def test_a_ulimit_counts(groups, memory):
    found = memory(groups(""), address_space=GIB)
    assert (found.total, found.available, found.limited_by) == (GIB, GIB, "ulimit -v")


def test_this_very_machine_can_be_read():
    assert usable_cores() >= 1
    assert 0 < usable_memory().available <= usable_memory().total
