"""Disks and file systems that are full, read-only, gone, slow to tell or stingy (T11 to T13, T24 to T32)."""

import os
import shutil
import subprocess
import sys
import time

import nibabel as nib
import numpy as np
import pytest

from medscience.errors import StoreError
from medscience.store.commit import commit_path, read_commit
from medscience.store.images import open_image
from medscience.store.tables import read_table
from medscience.store.verify import verify
from tests.bad.nifti import scan
from tests.faults.tasks import PROVENANCE, SHAPES, WHOLE, is_whole_or_refused, small, store_in, voxels

MEDSCIENCE = [sys.executable, "-m", "medscience"]
TINY_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def read_nifti(path):
    return np.asarray(nib.load(path).dataobj)


READERS = {
    "table": ("x.parquet", lambda path: read_table(path)[0].num_rows),
    "nifti": ("x.nii.gz", lambda path: read_nifti(path).shape),
}


@pytest.mark.parametrize("writer", READERS)
def test_a_single_file_that_does_not_fit_leaves_the_one_before(zygote, tmp_path, writer):
    name, read = READERS[writer]
    assert zygote.do(writer, tmp_path)["code"] == 0
    before, found = (tmp_path / name).read_bytes(), read(tmp_path / name)
    succeeded = []
    for limit in np.linspace(0, len(before) + 100, 5).astype(int):
        done = zygote.do(writer, tmp_path, limit=int(limit))
        succeeded.append(done["code"] == 0)
        assert done["code"] == 0 or done["error"]["system"]
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert read(tmp_path / name) == found
    assert succeeded == sorted(succeeded)
    assert len(set(succeeded)) == 2


def medscience(*arguments, **options):
    command = [*MEDSCIENCE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_on_a_disk_that_is_really_full_one_line_says_so_and_a_rerun_with_room_completes(tmp_path):
    probe = subprocess.run([*TINY_DISK, "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this machine lets no test mount a small disk")
    source, disk = scan(tmp_path / "scan.nii"), tmp_path / "disk"
    disk.mkdir()
    told = "; ".join(
        [
            f"mount -t tmpfs -o size=4k none {disk}",
            f"{sys.executable} -m medscience ingest {source} {disk}/x.ome.zarr",
            f"echo $?; mount -o remount,size=4m {disk}",
            f"{sys.executable} -m medscience ingest {source} {disk}/x.ome.zarr",
            f"echo $?; ls {disk}",
        ]
    )
    found = subprocess.run([*TINY_DISK, told], capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["1", "0", "x.ome.zarr", "x.ome.zarr.commit.json"], found.stderr
    (line,) = (line for line in found.stderr.splitlines() if "SYSTEM-ENOSPC" in line)
    assert str(disk) in line
    assert "bytes are free" in line


def test_with_no_room_for_the_log_the_work_is_done_all_the_same(tmp_path):
    source = scan(tmp_path / "scan.nii")
    with open("/dev/full", "w") as full:  # noqa: PTH123 - as a shell does
        command = [*MEDSCIENCE, "--log-level", "debug", "ingest", source, tmp_path / "x.ome.zarr"]
        found = subprocess.run([*map(str, command)], stdout=full, stderr=full, check=False)
    assert found.returncode == 0
    assert verify(tmp_path / "x.ome.zarr") == []


def test_a_failure_with_no_room_for_the_log_is_still_a_failure(tmp_path):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [*MEDSCIENCE, "ingest", tmp_path / "none.nii", tmp_path / "x.ome.zarr"]
        found = subprocess.run([*map(str, command)], stderr=full, check=False)
    assert found.returncode != 0


def test_the_order_of_things_never_rests_on_clocks(tmp_path):
    """Files from the day after tomorrow, and from 1970."""
    small(tmp_path)
    store = store_in(tmp_path)
    for n, path in enumerate([*store.rglob("*"), commit_path(store)]):
        os.utime(path, (0, 0) if n % 2 else (time.time() + 2e5,) * 2)
    assert verify(store) == []
    assert is_whole_or_refused("small", tmp_path)


def test_sources_and_stores_that_are_read_only_are_read_and_nothing_is_written_beside_them(tmp_path):
    (tmp_path / "in").mkdir()
    small(tmp_path)
    source, store = scan(tmp_path / "in/scan.nii"), store_in(tmp_path)
    folders = [source.parent, store.parent, *(path for path in store.rglob("*") if path.is_dir())]
    before = sorted(tmp_path.rglob("*"))
    command = [*MEDSCIENCE, "ingest", source, tmp_path / "out/x.ome.zarr"]
    if os.geteuid() == 0:  # who may write everywhere, unless he gives that up
        if not shutil.which("setpriv"):
            pytest.skip("nothing is read-only to root")
        command = ["setpriv", "--bounding-set", "-dac_override", *command]
    (tmp_path / "out").mkdir()
    for folder in folders:
        folder.chmod(0o500)
    assert subprocess.run([*map(str, command)], capture_output=True, check=False).returncode == 0
    assert verify(store) == []
    assert is_whole_or_refused("small", tmp_path)
    for folder in folders:
        folder.chmod(0o700)
    assert [
        path for path in sorted(tmp_path.rglob("*")) if tmp_path / "out" not in [path, *path.parents]
    ] == before


def test_a_destination_that_vanishes_is_one_error_and_the_next_run_completes(tmp_path):
    from medscience.store.staging import staged

    with pytest.raises(OSError, match=r"no lease|No such file"), staged(store_in(tmp_path), PROVENANCE):
        shutil.rmtree(store_in(tmp_path).parent)
    small(tmp_path)
    assert is_whole_or_refused("small", tmp_path)


@pytest.mark.parametrize("task", ["large", "read"])
def test_64_open_files_are_enough(zygote, tmp_path, task):
    assert zygote.do("large", tmp_path, **({"files": 64} if task == "large" else {}))["code"] == 0
    assert zygote.do("read", tmp_path, files=64)["code"] == 0


def test_a_disk_that_cannot_be_read_is_not_taken_for_an_altered_store(zygote, tmp_path):
    assert zygote.do("large", tmp_path)["code"] == 0
    calls = zygote.do("read", tmp_path)["calls"]
    shard = next(n for n, call in enumerate(calls, start=1) if "/0/c/" in call[1])
    once = zygote.do("read", tmp_path, call=shard, then="EIO")
    assert once["code"] == 0
    ever = zygote.do("read", tmp_path, call=shard, then="EIO", ever_since=True)
    assert ever["error"]["code"] is None
    assert ever["error"]["errno"] == 5


def test_a_listing_that_lags_behind_is_a_refusal_and_never_a_wrong_result(tmp_path, monkeypatch):
    """A file system over a network may not tell of a new file for a while."""
    from pathlib import Path

    small(tmp_path)
    store, rglob = store_in(tmp_path), Path.rglob
    hidden = store / next(key for key in read_commit(store).objects if "/c/" in key)
    monkeypatch.setattr(Path, "rglob", lambda self, what: (p for p in rglob(self, what) if p != hidden))
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        open_image(store)
    monkeypatch.undo()
    found = open_image(store).image.read(WHOLE)
    assert (found == voxels(SHAPES["small"])).all()
