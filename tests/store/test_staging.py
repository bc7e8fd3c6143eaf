import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.errors import StoreError
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance, commit_path, read_commit
from medscience.store.images import ImageWriter, open_image
from medscience.store.lease import Holder
from medscience.store.metadata import Content
from medscience.store.staging import is_done, staged
from medscience.store.verify import verify

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
WHOLE = (slice(0, 2), slice(0, 3), slice(0, 4))
PROVENANCE = Provenance("test", {"setting": 1}, {"source": "0" * 64})
POINTS = ("written", "synced", "renamed", "committed")

DIE = """
import os, sys
import numpy as np
from pathlib import Path
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content
from medscience.store.staging import staged

def die(point):
    if point == sys.argv[2]:
        os._exit(9)

provenance = Provenance("test", {"setting": 1}, {"source": "0" * 64})
content = Content.of(Meaning(Geometry((2, 3, 4), as_affine(np.eye(4)))))
with staged(Path(sys.argv[1]), provenance, at=die) as staging:
    writer = ImageWriter(staging, content, (2, 3, 4), "int16")
    die("begun")
    writer.write((slice(0, 2), slice(0, 3), slice(0, 4)), np.arange(24).reshape(2, 3, 4))
    writer.finish()
"""


class Crash(BaseException):
    """What nothing catches."""


def write(path, *, provenance=PROVENANCE, **options):
    content = Content.of(Meaning(Geometry((2, 3, 4), as_affine(np.eye(4)))))
    with staged(path, provenance, **options) as staging:
        staging.record["repairs"] = ["none"]
        writer = ImageWriter(staging, content, VOXELS.shape, VOXELS.dtype)
        writer.write(WHOLE, VOXELS)
        writer.finish()


def write_and_fail(path, fault):
    with staged(path, PROVENANCE) as staging:
        (staging.path / "half").write_text("half", "utf-8")
        raise fault


def assert_whole(path):
    assert_array_equal(open_image(path).image.read(WHOLE), VOXELS)
    assert verify(path) == []


def assert_absent_or_whole(path):
    """Whatever happened, a reader either refuses or reads every voxel."""
    try:
        image = open_image(path).image
    except StoreError as fault:
        assert fault.code == "STORE-UNCOMMITTED"  # noqa: PT017 - either outcome is right
        assert not is_done(path, PROVENANCE)
        return False
    assert_array_equal(image.read(WHOLE), VOXELS)
    assert is_done(path, PROVENANCE)
    return True


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "x.ome.zarr"


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_a_store_is_there_whole_with_its_commit_and_nothing_else(path):
    write(path)
    assert_whole(path)
    assert names(path) == ["x.ome.zarr", "x.ome.zarr.commit.json"]


def test_a_store_is_written_to_by_its_commits_path_too(path):
    write(commit_path(path))
    assert_whole(path)


def test_while_it_is_written_nothing_can_be_read(path):
    with staged(path, PROVENANCE) as staging:
        assert staging.path.name == f"x.ome.zarr.staging-{PROVENANCE.fingerprint[:16]}"
        assert not assert_absent_or_whole(path)
        assert not path.exists()


@pytest.mark.parametrize("fault", [ValueError, Crash, KeyboardInterrupt])
def test_an_error_while_writing_leaves_nothing(path, fault):
    with pytest.raises(fault):
        write_and_fail(path, fault)
    assert names(path) == []


def test_the_commit_says_what_the_content_follows_from_and_how_the_run_went(path):
    write(path)
    commit = read_commit(path)
    assert commit.provenance == PROVENANCE
    assert commit.record["repairs"] == ["none"]
    assert commit.record["seconds"] >= 0
    assert commit.record["peak_memory_bytes"] > 1 << 20
    assert {"started", "host_class"} <= commit.record.keys()


# Crashes


@pytest.mark.parametrize("point", POINTS)
def test_at_every_point_an_error_leaves_all_or_nothing_and_the_next_writer_succeeds(path, point):
    def crash(reached):
        if reached == point:
            raise Crash

    with pytest.raises(Crash):
        write(path, at=crash)
    there = assert_absent_or_whole(path)
    assert there == (point == "committed")
    if not there:
        write(path)
    assert_whole(path)
    assert names(path) == ["x.ome.zarr", "x.ome.zarr.commit.json"]


@pytest.mark.parametrize("point", ["begun", *POINTS])
def test_at_every_point_a_kill_leaves_all_or_nothing_and_the_next_writer_succeeds(path, point):
    died = subprocess.run([sys.executable, "-c", DIE, str(path), point], check=False)
    assert died.returncode == 9
    assert "x.ome.zarr.lease" in names(path)
    there = assert_absent_or_whole(path)
    assert there == (point == "committed")
    if not there:
        write(path)
        assert names(path) == ["x.ome.zarr", "x.ome.zarr.commit.json"]
    assert_whole(path)


def test_every_point_is_reached_in_order(path):
    reached = []
    write(path, at=reached.append)
    assert tuple(reached) == POINTS


def test_at_every_point_the_files_are_where_the_protocol_says(path):
    seen = {}
    write(path, at=lambda point: seen.update({point: (path.exists(), commit_path(path).exists())}))
    assert seen == {
        "written": (False, False),
        "synced": (False, False),
        "renamed": (True, False),
        "committed": (True, True),
    }


def test_what_killed_writers_left_is_deleted_by_the_next_and_the_neighbours_are_not(path):
    mine = ("x.ome.zarr.staging-0123", "x.ome.zarr.ledger-0123", "x.ome.zarr")
    others = ("xx.ome.zarr.staging-0123", "x.ome.zarr2", "y.ome.zarr")
    for name in (*mine, *others):
        (path.parent / name / "0").mkdir(parents=True)
        (path.parent / name / "zarr.json").write_text('{"attributes": {"medscience": {}}}', "utf-8")
    write(path)
    assert_whole(path)
    assert names(path) == sorted([*others, "x.ome.zarr", "x.ome.zarr.commit.json"])


@pytest.mark.parametrize("attributes", [None, "{}", '{"attributes": {"ome": {}}}', "[]", "no json"])
def test_a_store_that_someone_else_made_is_not_deleted(path, attributes):
    path.mkdir(parents=True)
    if attributes is not None:
        (path / "zarr.json").write_text(attributes, "utf-8")
    (path / "precious").write_text("data", "utf-8")
    with pytest.raises(StoreError, match="STORE-FOREIGN"):
        write(path)
    assert (path / "precious").read_text("utf-8") == "data"


@pytest.mark.parametrize("name", ["x[1]", "x*", "x?"])
def test_a_name_with_the_signs_of_a_pattern_means_itself(tmp_path, name):
    path = tmp_path / f"{name}.ome.zarr"
    for left in (f"{name}.ome.zarr.staging-0123", "x1.ome.zarr.staging-0123"):
        (tmp_path / left).mkdir()
    write(path)
    assert_whole(path)
    assert (tmp_path / "x1.ome.zarr.staging-0123").exists()
    assert not (tmp_path / f"{name}.ome.zarr.staging-0123").exists()


def test_an_object_that_changes_while_the_store_is_written_prevents_the_commit(path):
    def harm(point):
        if point == "written":
            staging = path.with_name(f"{path.name}.staging-{PROVENANCE.fingerprint[:16]}")
            (staging / "0/c/0/0/0").write_bytes(b"")

    with pytest.raises(StoreError, match="STORE-ALTERED"):
        write(path, at=harm)
    assert names(path) == []


# Two writers, and what is there already


def test_nothing_is_done_before_and_this_very_content_after(path):
    assert not is_done(path, PROVENANCE)
    write(path)
    assert is_done(path, PROVENANCE)
    assert is_done(commit_path(path), PROVENANCE)


@pytest.mark.parametrize("change", [{"step": "other"}, {"settings": {}}, {"inputs": {}}, {"code": "0"}])
def test_other_content_is_never_overwritten(path, change):
    write(path)
    other = replace(PROVENANCE, **change)
    with pytest.raises(StoreError, match=r"STORE-EXISTS .*a test of other inputs or settings"):
        is_done(path, other)
    with pytest.raises(StoreError, match="STORE-EXISTS"):
        write(path, provenance=other)
    assert_whole(path)


def test_the_same_content_is_not_written_twice(path):
    write(path)
    before = hashlib.sha256(commit_path(path).read_bytes()).hexdigest()
    with pytest.raises(StoreError, match="this same result"):
        write(path)
    assert hashlib.sha256(commit_path(path).read_bytes()).hexdigest() == before


def test_a_committed_store_that_lost_an_object_is_not_done(path):
    write(path)
    (path / "0/c/0/0/0").unlink()
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        is_done(path, PROVENANCE)


def test_a_second_writer_is_refused_and_the_first_succeeds(path):
    content = Content.of(Meaning(Geometry((2, 3, 4), as_affine(np.eye(4)))))
    with staged(path, PROVENANCE) as staging:
        with pytest.raises(StoreError, match="STORE-BUSY"):
            write(path)
        writer = ImageWriter(staging, content, VOXELS.shape, VOXELS.dtype)
        writer.write(WHOLE, VOXELS)
        writer.finish()
    assert_whole(path)


def test_a_writer_that_was_taken_for_dead_does_not_commit(path):
    holder = replace(Holder.this_process(), host="elsewhere", token="another")
    lease = path.with_name(f"{path.name}.lease")

    def lose(point):
        if point == "written":
            lease.write_text(json.dumps(asdict(holder)), "utf-8")

    with pytest.raises(StoreError, match=r"STORE-BUSY .*on elsewhere"):
        write(path, at=lose)
    assert names(path) == [lease.name]


def test_the_recorded_peak_is_this_programs_and_not_its_parents(tmp_path):
    """A program started by a large one must not be charged with its parent's memory."""
    ballast = np.ones(600 << 20, np.uint8)
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from medscience.store.record import peak_memory\n"
        "print(peak_memory())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10 << 20 < int(found.stdout) < ballast.nbytes
