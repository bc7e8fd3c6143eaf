import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.errors import StoreError
from medscience.store.commit import (
    Commit,
    Provenance,
    StoredObject,
    check_files,
    commit_path,
    read_commit,
    store_path,
)
from medscience.testing.strategies import sample_names

TEXTS = st.text(max_size=8)
KEYS = st.from_regex(r"[0-9a-z]{1,3}(/[0-9a-z]{1,3}){0,3}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PROVENANCES = st.builds(
    Provenance,
    step=TEXTS,
    settings=st.dictionaries(TEXTS, VALUES, max_size=3),
    inputs=st.dictionaries(TEXTS, TEXTS, max_size=2),
    code=TEXTS,
)
COMMITS = st.builds(
    Commit,
    st.dictionaries(KEYS, st.builds(StoredObject, st.integers(0, 2**40), TEXTS), max_size=3),
    PROVENANCES,
    st.dictionaries(TEXTS, VALUES, max_size=3),
)

SMALL = Commit(
    {"zarr.json": StoredObject(12, "0f" * 32), "0/c/0": StoredObject(3400, "a1" * 32)},
    Provenance("predict", {"model": "tissue-1", "spacing": [1.0, 0.5]}, {"image": "9b" * 32}),
    {"seconds": 1.25, "warnings": ["none \u00e9"]},
)


def written(folder, commit):
    store = folder / "x.ome.zarr"
    commit_path(store).write_bytes(commit.to_bytes())
    return store


@given(COMMITS)
def test_a_commit_that_was_written_is_read_back(tmp_path_factory, commit):
    assert read_commit(written(tmp_path_factory.getbasetemp(), commit)) == commit


def test_every_single_flipped_bit_of_a_commit_is_refused(tmp_path):
    store = written(tmp_path, SMALL)
    assert read_commit(store) == SMALL
    content = SMALL.to_bytes()
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            commit_path(store).write_bytes(flipped)
            with pytest.raises(StoreError) as caught:
                read_commit(store)
            assert caught.value.code == "COMMIT-ALTERED", (place, bit)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: text[:-1], id="the last byte missing"),
        pytest.param(lambda text: text[: len(text) // 2], id="half"),
        pytest.param(lambda text: text + " ", id="a blank more"),
        pytest.param(lambda text: text + text, id="twice"),
        pytest.param(lambda text: text.replace("1.25", "1.250"), id="another spelling"),
        pytest.param(lambda text: text.replace("3400", "3401"), id="another size"),
        pytest.param(lambda text: text.replace("predict", "measure"), id="another step"),
        pytest.param(lambda text: text.replace("commit-1", "commit-2"), id="another format"),
        pytest.param(lambda text: "null", id="null"),
        pytest.param(lambda text: "[]", id="a list"),
        pytest.param(lambda text: "{}", id="no keys"),
        pytest.param(lambda text: "[" * 100_000, id="nested too deeply"),
        pytest.param(lambda text: json.dumps(json.loads(text)), id="another layout"),
        pytest.param(lambda text: json.dumps(json.loads(text) | {"more": 1}), id="a key more"),
        pytest.param(lambda text: text.replace('"record": {', '"record": {\n  "added": 1,'), id="record"),
    ],
)
def test_a_commit_that_is_not_to_the_byte_as_written_is_refused(tmp_path, change):
    store = written(tmp_path, SMALL)
    commit_path(store).write_text(change(SMALL.to_bytes().decode()), "ascii")
    with pytest.raises(StoreError, match="COMMIT-ALTERED"):
        read_commit(store)


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "/etc/passwd", "0/../../x", "0//c", "./0", "0/"])
def test_a_commit_that_leads_out_of_its_store_is_refused(tmp_path, key):
    commit = Commit({key: StoredObject(1, "0" * 64)}, SMALL.provenance)
    with pytest.raises(StoreError, match="COMMIT-ALTERED"):
        read_commit(written(tmp_path, commit))


def test_a_record_with_numbers_as_keys_is_read_back_as_text(tmp_path):
    commit = Commit({}, Provenance("x", {2: "b", 10: "a"}, {}), {"voxels": {2: 5, 10: 6}})
    again = read_commit(written(tmp_path, commit))
    assert again.record == {"voxels": {"2": 5, "10": 6}}
    assert again.digest == commit.digest


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_not_written(number):
    with pytest.raises(ValueError, match="JSON"):
        Commit({}, Provenance("x", {}, {}), {"number": number}).to_bytes()


# Digests


@given(PROVENANCES)
def test_equal_provenance_has_an_equal_fingerprint_whatever_the_order_of_keys(provenance):
    turned = Provenance(
        provenance.step,
        dict(reversed(provenance.settings.items())),
        dict(reversed(provenance.inputs.items())),
        provenance.code,
    )
    assert turned.fingerprint == provenance.fingerprint


@given(PROVENANCES, PROVENANCES)
def test_different_provenance_has_a_different_fingerprint(one, other):
    same = json.dumps(one.as_json(), sort_keys=True) == json.dumps(other.as_json(), sort_keys=True)
    assert (one.fingerprint == other.fingerprint) == same


@pytest.mark.parametrize(
    "change",
    [{"step": "x"}, {"settings": {"model": "b"}}, {"inputs": {"image": "0"}}, {"code": "0"}],
)
def test_each_part_of_the_provenance_changes_the_fingerprint(change):
    parts = {"step": "predict", "settings": {"model": "a"}, "inputs": {"image": "1"}, "code": "1"}
    assert Provenance(**parts).fingerprint != Provenance(**(parts | change)).fingerprint


def test_the_record_changes_the_file_and_not_the_digest():
    other = Commit(SMALL.objects, SMALL.provenance, {"seconds": 2})
    assert other.digest == SMALL.digest
    assert other.to_bytes() != SMALL.to_bytes()


# Names


@given(sample_names())
def test_a_store_goes_by_its_own_path_or_its_commits(name):
    store = Path("results") / f"{name}.ome.zarr"
    assert store_path(store) == store
    assert store_path(commit_path(store)) == store


@pytest.mark.parametrize("name", ["x", "x.zarr", ".ome.zarr", "x.ome.zarr.gz", "x.commit.json", ""])
def test_a_path_that_is_no_stores_is_refused(name):
    with pytest.raises(StoreError, match="STORE-NAME"):
        store_path(Path("a") / name)


# Objects


def test_a_store_as_it_was_written_has_the_committed_files(store):
    check_files(store, read_commit(store))


def a_missing_object(store):
    (store / "0/c/0/0/0").unlink()


def an_added_object(store):
    (store / "0/c/0/0/1").touch()


def an_added_link(store):
    (store / "link").symlink_to(store / "0")


def a_shorter_object(store):
    shard = store / "0/c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:-1])


def a_longer_object(store):
    with (store / "zarr.json").open("ab") as file:
        file.write(b" ")


def an_object_replaced_by_a_link(store):
    shard = store / "0/c/0/0/0"
    shard.rename(store.parent / "elsewhere")
    shard.symlink_to(store.parent / "elsewhere")


def an_object_replaced_by_a_folder(store):
    a_missing_object(store)
    (store / "0/c/0/0/0").mkdir()


def a_left_over_partial_file(store):
    (store / "0/c/0/0/0.1234.partial").write_bytes(b"half")


def no_store(store):
    store.rename(store.with_name("away"))


@pytest.mark.parametrize(
    "harm",
    [
        a_missing_object,
        an_added_object,
        an_added_link,
        a_shorter_object,
        a_longer_object,
        an_object_replaced_by_a_link,
        an_object_replaced_by_a_folder,
        a_left_over_partial_file,
        no_store,
    ],
    ids=lambda harm: harm.__name__,
)
def test_a_store_with_other_files_than_the_committed_ones_is_refused(store, harm):
    harm(store)
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        check_files(store, read_commit(store))
