import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zarr.core.buffer import default_buffer_prototype

from medscience.errors import StoreError
from medscience.store.commit import StoredObject
from medscience.store.objects import RecordingStore, VerifyingStore

PROTOTYPE = default_buffer_prototype()


def buffer(content):
    return PROTOTYPE.buffer.from_bytes(content)


def entry(content):
    return StoredObject(len(content), hashlib.sha256(content).hexdigest())


def put(store, key, content):
    asyncio.run(store.set(key, buffer(content)))


def put_at_once(store, key, content):
    store.set_sync(key, buffer(content))


def get(store, key):
    return asyncio.run(store.get(key, PROTOTYPE))


def get_at_once(store, key):
    return store.get_sync(key, prototype=PROTOTYPE)


def get_part(store, key):
    return asyncio.run(store.get_partial_values(PROTOTYPE, [(key, None)]))[0]


PUTS = pytest.mark.parametrize("put", [put, put_at_once])
GETS = pytest.mark.parametrize("get", [get, get_at_once, get_part])


@PUTS
def test_what_is_written_is_on_disk_and_recorded(tmp_path, put):
    store = RecordingStore(tmp_path)
    put(store, "0/c/0", b"first")
    put(store, "0/c/0", b"second")
    assert (tmp_path / "0/c/0").read_bytes() == b"second"
    assert store.objects == {"0/c/0": entry(b"second")}
    assert [file.name for file in (tmp_path / "0/c").iterdir()] == ["0"]


def test_an_object_that_is_there_is_not_written_again(tmp_path):
    store = RecordingStore(tmp_path)
    for content in (b"first", b"second"):
        asyncio.run(store.set_if_not_exists("a", buffer(content)))
    assert (tmp_path / "a").read_bytes() == b"first"
    assert store.objects == {"a": entry(b"first")}


@PUTS
def test_a_read_only_view_refuses_to_write_and_shares_the_record(tmp_path, put):
    store = RecordingStore(tmp_path)
    view = store.with_read_only(read_only=True)
    with pytest.raises(ValueError, match="read-only"):
        put(view, "a", b"x")
    put(store, "a", b"x")
    assert view.objects is store.objects


@pytest.fixture
def committed(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    return VerifyingStore(tmp_path, {"a": entry(b"content"), "gone": entry(b"")})


@GETS
def test_what_is_as_committed_is_read(committed, get):
    assert get(committed, "a").to_bytes() == b"content"


@GETS
def test_an_altered_object_is_refused_by_every_way_of_reading(tmp_path, committed, get):
    (tmp_path / "a").write_bytes(b"contend")
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        get(committed, "a")


@GETS
@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_an_object_that_changes_after_it_was_checked_is_refused(tmp_path, committed, get, change):
    assert get(committed, "a").to_bytes() == b"content"
    (tmp_path / "a").unlink()
    if change == "replaced":
        (tmp_path / "b").write_bytes(b"contend")
        (tmp_path / "b").rename(tmp_path / "a")
    with pytest.raises(StoreError, match=r"STORE-ALTERED .*a change while it was read"):
        get(committed, "a")


@GETS
def test_a_missing_object_is_refused_and_never_read_as_zeros(committed, get):
    with pytest.raises(StoreError, match="FileNotFoundError"):
        get(committed, "gone")


@GETS
def test_what_was_never_committed_is_not_there(tmp_path, committed, get):
    (tmp_path / "b").write_bytes(b"added")
    assert get(committed, "b") is None


def test_a_committed_store_is_never_written(committed):
    with pytest.raises(ValueError, match="read-only"):
        put(committed.with_read_only(read_only=False), "a", b"x")


@given(content=st.binary(min_size=1, max_size=30), place=st.integers(0, 239))
def test_any_flipped_bit_is_found(tmp_path_factory, content, place):
    folder = tmp_path_factory.mktemp("flip")
    flipped = bytearray(content)
    flipped[place // 8 % len(content)] ^= 1 << place % 8
    (folder / "a").write_bytes(flipped)
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        VerifyingStore(folder, {"a": entry(content)}).verify("a")
