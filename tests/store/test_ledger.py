import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance, StoredObject, commit_path, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter
from medscience.store.ledger import Ledger, read_ledger
from medscience.store.metadata import Content
from medscience.store.staging import interrupted, staged
from medscience.store.verify import verify

PROVENANCE = Provenance("test", {"setting": 1}, {"source": "0" * 64})
SHAPE = (8, 12, 4)
BLOCK = (4, 4, 4)
VOXELS = np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.int16)
ALL = regions(SHAPE, BLOCK)

objects = st.dictionaries(
    st.text("0/c", min_size=1, max_size=9),
    st.builds(StoredObject, st.integers(0, 1 << 40), st.text("0123456789abcdef", min_size=64, max_size=64)),
    min_size=1,
    max_size=3,
)
ledgers = st.lists(objects, min_size=1, max_size=len(ALL)).map(lambda each: dict(enumerate(each)))


class Crash(BaseException):
    """What nothing catches."""


def write(path, *, block=BLOCK, provenance=PROVENANCE, crash_after=None, at=lambda point: None):
    """Write what is not there; return how many blocks were written, and the commit's record of resuming."""
    written = 0
    content = Content.of(Meaning(Geometry(SHAPE, as_affine(np.eye(4)))))
    with staged(path, provenance, at, block=block) as staging:
        writer = ImageWriter(staging, content, SHAPE, VOXELS.dtype, block)
        for region in regions(SHAPE, block or SHAPE):
            if written == crash_after:
                raise Crash
            if not writer.has(region):
                writer.write(region, VOXELS[region])
                written += 1
        writer.finish()
    return written, read_commit(path).record.get("resumed")


def interrupt(path, after, **options):
    with pytest.raises(Crash):
        write(path, crash_after=after, **options)


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def beside(path, kind):
    return path.with_name(f"{path.name}.{kind}-{PROVENANCE.fingerprint[:16]}")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "x.ome.zarr"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "x.ome.zarr"
    write(path)
    return read_commit(path)


def assert_same(path, undisturbed):
    assert verify(path) == []
    commit = read_commit(path)
    assert replace(commit, record={}).to_bytes() == replace(undisturbed, record={}).to_bytes()
    assert names(path) == ["x.ome.zarr", "x.ome.zarr.commit.json"]


# The file


def noted(path, blocks):
    ledger = Ledger(path, BLOCK, resumed=3)
    ledger.begin()
    for number, entry in blocks.items():
        ledger.add(ALL[number], entry)
    return ledger


@given(ledgers)
def test_what_is_noted_is_read_as_it_was_noted(tmp_path_factory, blocks):
    ledger = noted(tmp_path_factory.mktemp("ledger") / "l", blocks)
    assert read_ledger(ledger.path) == ledger
    assert [ledger.has(region) for region in ALL] == [n in blocks for n in range(len(ALL))]
    ledger.begin()
    assert read_ledger(ledger.path) == ledger


@given(ledgers, st.floats(0, 1))
def test_a_ledger_that_is_torn_anywhere_has_the_blocks_before_and_nothing_else(tmp_path_factory, blocks, at):
    ledger = noted(tmp_path_factory.mktemp("ledger") / "l", blocks)
    content = ledger.path.read_bytes()
    torn = content[: int(at * len(content))]
    ledger.path.write_bytes(torn)
    found = read_ledger(ledger.path)
    whole = max(torn.count(b"\n") - 1, 0)
    assert (list(found.finished.items()) if found else []) == list(ledger.finished.items())[:whole]


@given(ledgers, st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_never_makes_a_block(tmp_path_factory, blocks, place, bit):
    ledger = noted(tmp_path_factory.mktemp("ledger") / "l", blocks)
    content = bytearray(ledger.path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    ledger.path.write_bytes(content)
    found = read_ledger(ledger.path)
    assert found is None or found.finished.items() <= ledger.finished.items()


def test_no_ledger_and_one_without_a_finished_block_are_none(tmp_path):
    assert read_ledger(tmp_path / "l") is None
    Ledger(tmp_path / "l", BLOCK).begin()
    assert read_ledger(tmp_path / "l") is None


def test_a_ledger_that_cannot_be_written_anew_stays_as_it_was(tmp_path, monkeypatch):
    ledger = noted(tmp_path / "l", {0: {"0/c": StoredObject(1, "0" * 64)}})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(ledger, finished={}).begin()
    assert read_ledger(tmp_path / "l") == ledger


# Going on


@pytest.mark.parametrize("after", range(1, len(ALL)))
def test_a_rerun_does_only_what_was_not_finished_and_ends_bit_identical(path, undisturbed, after):
    interrupt(path, after)
    assert names(path) == [beside(path, kind).name for kind in ("ledger", "staging")]
    assert interrupted(path, PROVENANCE) == BLOCK
    assert write(path) == (len(ALL) - after, {"times": 1, "blocks": after})
    assert_same(path, undisturbed)
    assert interrupted(path, PROVENANCE) is None


def test_a_run_that_is_interrupted_after_every_block_ends_all_the_same(path, undisturbed):
    for _ in ALL[1:]:
        interrupt(path, 1)
    assert write(path) == (1, {"times": len(ALL) - 1, "blocks": len(ALL) - 1})
    assert_same(path, undisturbed)


@pytest.mark.parametrize("harm", ["altered", "cut", "deleted"])
def test_a_shard_that_was_damaged_is_written_again_and_no_other(path, undisturbed, harm):
    interrupt(path, 3)
    shard = beside(path, "staging") / "0/c/0/1/0"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content if harm == "altered" else content[:-1])
    if harm == "deleted":
        shard.unlink()
    assert write(path) == (len(ALL) - 2, {"times": 1, "blocks": 2})
    assert_same(path, undisturbed)


def test_what_the_ledger_does_not_list_is_not_believed(path, undisturbed):
    interrupt(path, 2)
    staging = beside(path, "staging")
    (staging / "0/c/1/1").mkdir(parents=True)
    (staging / "0/c/1/1/0").write_bytes(b"a shard that was never noted")
    (staging / "0/c/1/1/1.0123.partial").write_bytes(b"half")
    (staging / "zarr.json").write_text("{", "utf-8")
    assert write(path) == (len(ALL) - 2, {"times": 1, "blocks": 2})
    assert_same(path, undisturbed)


def test_other_blocks_begin_afresh(path, undisturbed):
    interrupt(path, 1, block=(8, 4, 4))
    assert write(path) == (len(ALL), {"times": 0, "blocks": 0})
    assert_same(path, undisturbed)


@pytest.mark.parametrize("change", [{"settings": {}}, {"inputs": {}}, {"code": "0"}])
def test_what_other_work_left_is_deleted(path, undisturbed, change):
    interrupt(path, 2, provenance=replace(PROVENANCE, **change))
    assert interrupted(path, PROVENANCE) is None
    assert write(path) == (len(ALL), {"times": 0, "blocks": 0})
    assert_same(path, undisturbed)


def test_an_error_before_the_first_block_leaves_nothing(path):
    interrupt(path, 0)
    assert names(path) == []


@pytest.mark.parametrize("point", ["written", "synced", "renamed"])
def test_after_the_last_block_no_error_costs_one(path, undisturbed, point):
    def crash(reached):
        if reached == point:
            raise Crash

    with pytest.raises(Crash):
        write(path, at=crash)
    assert write(path) == (0, {"times": 1, "blocks": len(ALL)})
    assert_same(path, undisturbed)


def test_a_kill_after_the_commit_leaves_a_store_that_is_done(path, undisturbed):
    code = (
        "import os, sys; from pathlib import Path; from tests.store import test_ledger as t\n"
        "t.write(Path(sys.argv[1]), at=lambda point: point == 'committed' and os._exit(9))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert verify(path) == []
    commit_path(path).unlink()
    assert write(path)[0] == 0
    assert_same(path, undisturbed)


@pytest.mark.parametrize("call", range(0, 34, 3))
def test_a_disk_that_refuses_any_sync_costs_at_most_one_block(path, undisturbed, monkeypatch, call):
    calls = iter(range(1000))
    fsync = os.fsync

    def full(descriptor):
        if next(calls) == call:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with suppress(OSError):
        write(path)
    monkeypatch.undo()
    there = len(list(path.parent.glob("x.ome.zarr*/0/c/*/*/*")))
    if not commit_path(path).exists():  # else the last sync was refused, of the folder with the commit
        assert write(path)[0] <= len(ALL) - there + 1
    assert_same(path, undisturbed)
