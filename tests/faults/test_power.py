"""A power cut at any moment: a commit that can be there implies that all it lists is there (T23).

The calls of a run are followed on a disk that keeps only what was synced. The commit may survive from the
moment in which it gets its name, so by then everything else must.
"""

import pytest

from medscience.store.commit import commit_path, read_commit
from tests.faults.durable import Disk
from tests.faults.tasks import store_in


def lost_by_a_power_cut(calls, folder, objects):
    """Return what a power cut just after the commit got its name would take away."""
    disk, store = Disk(folder), store_in(folder)
    named = next(
        n for n, call in enumerate(calls) if call[0] == "os.link" and call[2] == str(commit_path(store))
    )
    for call in calls[:named]:
        disk.follow(*call)
    return [key for key in objects if not disk.survives(store / key)]


@pytest.mark.parametrize("task", ["small", "resumed", "large"])
def test_a_commit_is_never_there_before_all_that_it_lists(zygote, tmp_path, task):
    (tmp_path / "results").mkdir()  # whose own name was synced long ago
    calls = [["os.mkdir", str(tmp_path / "results")], ["fsync", str(tmp_path)]]
    calls += zygote.do(task, tmp_path)["calls"]
    store = store_in(tmp_path)
    objects = read_commit(store).objects
    assert lost_by_a_power_cut(calls, tmp_path, objects) == []
    disk = Disk(tmp_path)
    for call in calls:
        disk.follow(*call)
    assert disk.survives(commit_path(store))


@pytest.mark.parametrize("forgotten", ["the objects", "a folder", "the store's name"])
def test_the_test_would_see_a_sync_that_is_forgotten(zygote, tmp_path, forgotten):
    (tmp_path / "results").mkdir()
    calls = [["os.mkdir", str(tmp_path / "results")], ["fsync", str(tmp_path)]]
    calls += zygote.do("small", tmp_path)["calls"]
    objects = read_commit(store_in(tmp_path)).objects

    def is_forgotten(path):
        name = path.rpartition("/")[2]
        return {
            "the objects": ".partial" in name and name.startswith(".1."),
            "a folder": path.endswith("/0/c/0/0"),
            "the store's name": name == "results",
        }[forgotten]

    kept = [call for call in calls if call[0] != "fsync" or not is_forgotten(call[1])]
    assert len(kept) < len(calls)
    assert lost_by_a_power_cut(kept, tmp_path, objects)
