import errno
from pathlib import Path

import pytest

from medscience.doctor import disk
from medscience.doctor.disk import temporary_folder, working_folder
from medscience.doctor.finding import State


def refuse(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_plain_disk_can_hold_stores_and_is_left_as_it_was(tmp_path):
    found = working_folder(tmp_path)
    assert found.state is State.OK
    assert "GiB free" in found.found
    assert not list(tmp_path.iterdir())


def test_a_folder_that_nobody_may_write_to_is_named():
    """/proc refuses even root."""
    found = working_folder(Path("/proc"))
    assert found.state is State.MISSING
    assert temporary_folder(Path("/proc")).state is State.WARNING


@pytest.mark.parametrize(
    "method, words",
    [("hardlink_to", "of two writers one wins"), ("replace", "replacing"), ("rename", "renaming a folder")],
)
def test_a_file_system_that_breaks_a_promise_is_told_by_which(method, words, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, method, refuse)
    found = working_folder(tmp_path)
    assert found.state is State.MISSING
    assert words in found.found
    assert "another file system" in found.fix


def test_a_second_writer_must_be_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "create_once", lambda *_: None)
    assert "second writer" in working_folder(tmp_path).found


def test_little_room_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "LITTLE", 1 << 60)
    assert working_folder(tmp_path).state is State.WARNING
    assert temporary_folder(tmp_path).fix == "make room"
