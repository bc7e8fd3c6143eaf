import os

import pytest

from medscience.store import files
from medscience.store.files import create_once, remove, replaced, sync, sync_tree


class Crash(BaseException):
    """Not an Exception, as when the user presses Ctrl-C."""


def interrupted(path, fault):
    with replaced(path) as temporary:
        temporary.write_text("half of the n", "utf-8")
        raise fault


def test_a_file_is_replaced_when_the_block_ends_well(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("old", "utf-8")
    with replaced(path) as temporary:
        temporary.write_text("new", "utf-8")
        assert path.read_text("utf-8") == "old"
        assert temporary.parent == path.parent
    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [ValueError, OSError, Crash])
def test_an_error_leaves_the_old_file_and_no_part_of_the_new_one(tmp_path, fault):
    path = tmp_path / "table.parquet"
    path.write_text("old", "utf-8")
    with pytest.raises(fault):
        interrupted(path, fault)
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_no_file_where_there_was_none(tmp_path):
    with pytest.raises(Crash):
        interrupted(tmp_path / "a" / "x", Crash)
    assert list((tmp_path / "a").iterdir()) == []


def test_a_disk_that_fills_up_while_syncing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("old", "utf-8")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), replaced(path) as temporary:
        temporary.write_text("new", "utf-8")
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_synced_before_it_gets_its_name_and_the_folder_after(tmp_path, monkeypatch):
    path = tmp_path / "x"
    order = []
    monkeypatch.setattr(files, "sync", lambda synced: order.append((synced.name, path.exists())))
    with replaced(path) as temporary:
        temporary.write_text("new", "utf-8")
    assert order == [(temporary.name, False), (tmp_path.name, True)]


def test_two_that_replace_the_same_file_do_not_share_a_temporary_name(tmp_path):
    with replaced(tmp_path / "x") as one, replaced(tmp_path / "x") as other:
        assert one != other
        one.write_text("1", "utf-8")
        other.write_text("2", "utf-8")
    assert (tmp_path / "x").read_text("utf-8") == "1"  # the outer block ended last


def test_of_two_that_create_a_file_the_second_learns_of_the_first(tmp_path):
    path = tmp_path / "x"
    create_once(path, b"first")
    with pytest.raises(FileExistsError):
        create_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_could_not_be_created_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        create_once(tmp_path / "x", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_synced_with_everything_below(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    synced = []
    monkeypatch.setattr(files, "sync", synced.append)
    sync_tree(tmp_path)
    assert set(synced) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b"}


def test_syncing_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "x")


def test_removing_a_folder_that_is_gone_is_no_error(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert not (tmp_path / "a").exists()
