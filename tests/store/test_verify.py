import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from medscience.errors import StoreError
from medscience.store.commit import commit_path
from medscience.store.tables import read_table, write_table
from medscience.store.verify import verify


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "x.parquet"
    columns = {"volume_mm3": [1.5 * n for n in range(40)], "name": ["white", "grey"] * 20}
    write_table(path, pa.table(columns), {"labels": "a" * 64})
    return path


def test_a_store_as_it_was_written_has_no_faults(store):
    assert verify(store) == verify(commit_path(store)) == []


def test_every_altered_or_missing_object_is_named(store):
    flip(store / "0/c/0/0/0", 20)
    (store / "zarr.json").unlink()
    faults = verify(store)
    assert sorted(fault.file for fault in faults) == [
        str(store / "0/c/0/0/0"),
        str(store / "zarr.json"),
    ]
    assert {fault.code for fault in faults} == {"STORE-ALTERED"}


def test_an_added_object_is_named(store):
    (store / "added").touch()
    (fault,) = verify(store)
    assert (fault.code, fault.file) == ("STORE-ALTERED", str(store / "added"))


def test_an_altered_or_missing_commit_is_a_fault(store):
    flip(commit_path(store), 5)
    assert [fault.code for fault in verify(store)] == ["COMMIT-ALTERED"]
    commit_path(store).unlink()
    assert [fault.code for fault in verify(store)] == ["STORE-UNCOMMITTED"]


def test_any_bit_of_any_object_that_is_flipped_is_found(store):
    files = [file for file in store.rglob("*") if file.is_file()]
    for file in files:
        for place in range(0, file.stat().st_size, 37):
            flip(file, place)
            assert [fault.file for fault in verify(store)] == [str(file)]
            flip(file, place)
    assert verify(store) == []


def test_a_table_as_it_was_written_has_no_faults(table):
    assert verify(table) == []


def test_a_flipped_bit_of_a_table_is_found_or_changes_nothing_that_a_reader_gets(table):
    content, whole = table.read_bytes(), read_table(table)
    found = 0
    for place in range(len(content)):
        flip(table, place)
        faults = verify(table)
        if faults:
            assert [(fault.code, fault.file) for fault in faults] == [("TABLE-ALTERED", str(table))]
            found += 1
        else:
            assert read_table(table) == whole
        table.write_bytes(content)
    assert found > 0.5 * len(content)  # the rest is statistics and a copy of the schema


def test_a_table_that_is_not_ours_is_not_taken_for_whole(table):
    pyarrow.parquet.write_table(pa.table({"a": [1]}), table)
    assert [fault.code for fault in verify(table)] == ["TABLE-ALTERED"]


def test_a_table_that_seems_to_need_a_feature_that_does_not_exist_is_a_fault(table, monkeypatch):
    def refuse(*_, **__):
        raise pa.ArrowNotImplementedError("an encoding that a flipped bit made up")

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "read", refuse)
    assert [fault.code for fault in verify(table)] == ["TABLE-ALTERED"]


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_table_that_was_cut_is_a_fault(table, length):
    table.write_bytes(table.read_bytes()[:length])
    assert [fault.code for fault in verify(table)] == ["TABLE-ALTERED"]


def test_a_folder_is_all_stores_and_tables_below_it(tmp_path, store, table, write_store):
    deep = write_store(tmp_path / "a" / "b" / "y.ome.zarr", np.zeros((2, 2, 2), np.uint8))
    assert verify(tmp_path) == []
    flip(store / "zarr.json", 5)
    flip(deep / "zarr.json", 5)
    table.write_bytes(b"")
    assert {fault.file for fault in verify(tmp_path)} == {
        str(store / "zarr.json"),
        str(deep / "zarr.json"),
        str(table),
    }


def test_in_a_folder_a_store_without_commit_and_a_commit_without_store_are_faults(
    tmp_path, store, write_store
):
    other = write_store(tmp_path / "y.ome.zarr", np.zeros((2, 2, 2), np.uint8))
    commit_path(store).unlink()
    other.rename(tmp_path / "away")
    faults = verify(tmp_path)
    assert {fault.code for fault in faults} == {"STORE-UNCOMMITTED", "STORE-ALTERED"}
    assert any(fault.file == str(store) for fault in faults)


def test_in_a_folder_what_a_run_in_progress_writes_is_passed_over(tmp_path, store):
    (tmp_path / "z.ome.zarr.staging-0123").mkdir()
    (tmp_path / "z.ome.zarr.lease").touch()
    assert verify(tmp_path) == []


@pytest.mark.parametrize("name", ["", "none", "notes.txt", "none.parquet"])
def test_what_carries_no_checksums_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StoreError, match="VERIFY-NOTHING"):
        verify(tmp_path / name)
