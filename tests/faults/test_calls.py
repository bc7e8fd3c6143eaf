"""A writer is killed, or refused by the operating system, at its first call, its second call, ... its last.

After each there is a whole store or none, and the next run ends as if nothing had happened (T1 to T3, T11 to
T14 of the fault catalogue).
"""

import random
from itertools import count, cycle

import pytest

from medscience.store.images import open_image
from tests.faults.tasks import assert_done_again, is_whole_or_refused, store_in


@pytest.fixture(scope="module")
def digests(zygote, tmp_path_factory):
    """Digest of what each task commits when nothing disturbs it."""
    found = {}
    for task in ("small", "resumed", "large"):
        folder = tmp_path_factory.mktemp(task)
        assert zygote.do(task, folder)["code"] == 0
        found[task] = open_image(store_in(folder)).commit.digest
    return found


def every_call(zygote, folder, task, errors, step=1, **fault):
    """Yield, for the first call, the second, ..., the folder of a run that came to harm at it, and how."""
    for call, error in zip(count(1, step), cycle(errors), strict=False):
        place = folder / str(call)
        found = zygote.do(task, place, call=call, then=error, **fault)
        yield place, found
        if len(found["calls"]) < call and found["code"] == 0:
            return


def test_killed_at_any_call_of_the_system_a_writer_leaves_a_whole_store_or_none(zygote, digests, tmp_path):
    outcomes = []
    for folder, found in every_call(zygote, tmp_path, "resumed", ["kill"]):
        assert found["code"] in (-9, 0)
        outcomes.append(is_whole_or_refused("resumed", folder))
        assert_done_again("resumed", folder, digests["resumed"])
    assert len(outcomes) > 30
    assert outcomes == sorted(outcomes), "once it is there, it stays"


def test_a_disk_that_refuses_from_any_call_on_is_an_error_and_never_a_success(zygote, digests, tmp_path):
    """Full, over quota, suddenly read-only, broken."""
    errors = ["ENOSPC", "EDQUOT", "EROFS", "EIO"]
    for folder, found in every_call(zygote, tmp_path, "small", errors, step=3, ever_since=True):
        whole = is_whole_or_refused("small", folder)
        assert found["code"] == 0 or found["error"]["system"], found
        if found["code"] == 0:
            assert whole
        assert_done_again("small", folder, digests["small"])


def test_a_disk_that_fails_once_in_passing_is_asked_again(zygote, digests, tmp_path):
    succeeded = 0
    for folder, found in every_call(zygote, tmp_path, "small", ["ESTALE", "EIO"], step=3):
        assert found["code"] == 0 or found["error"]["system"], found
        succeeded += found["code"] == 0
        assert_done_again("small", folder, digests["small"])
    assert succeeded > 3  # every call that writes an object, and then the undisturbed run


@pytest.mark.parametrize("torn", [False, True], ids=["full", "killed"])
@pytest.mark.parametrize("task", ["small", "resumed"])
def test_half_an_object_is_never_taken_for_one(zygote, digests, tmp_path, task, torn):
    """A file that cannot grow further: the write fails, or the process dies within it."""
    for limit in (0, 100, 300, 500, 700, 1000, 1500, 3000):
        folder = tmp_path / str(limit)
        found = zygote.do(task, folder, limit=limit, torn=torn)
        assert found["code"] == 0 or torn or found["error"]["file"], found
        assert is_whole_or_refused(task, folder) == (found["code"] == 0)
        assert_done_again(task, folder, digests[task])


def test_killed_at_any_moment_a_writer_leaves_a_whole_store_or_none(zygote, digests, tmp_path):
    kill_at_random(zygote, digests["large"], tmp_path, moments=40)


def kill_at_random(zygote, digest, folder, moments, seed=0):
    """Kill a writer at random moments: as often in the same place before one is let through.

    A moment is some call of the system, and up to five milliseconds: on a busy machine as on an idle one it
    lies within the work.
    """
    calls = len(zygote.do("large", folder / "undisturbed")["calls"])
    draw, killed = random.Random(seed), 0
    for moment in range(moments):
        place = folder / str(moment // 4)
        call, delay = draw.randrange(1, calls), draw.uniform(1e-6, 5e-3)
        killed += zygote.do("large", place, call=call, then="alarm", delay=delay)["code"] < 0
        is_whole_or_refused("large", place)
        if moment % 4 == 3:
            assert_done_again("large", place, digest)
    assert killed > moments // 3, "too few kills came while the store was being written"
