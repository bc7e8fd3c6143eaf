import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.errors import MismatchError, StoreError
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance, commit_path, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.pyramid import majority, mean
from medscience.store.staging import staged
from medscience.testing.strategies import DTYPES, geometries, volumes

RANDOM = np.random.default_rng(0)
EVERYTHING = (slice(None),) * 3


def numbers(dtype, shape):
    """Numbers from the whole range of a type, its limits included."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        array = RANDOM.standard_normal(shape).astype(kind) * 100
        limits = np.finfo(kind)
    else:
        limits = np.iinfo(kind)
        array = RANDOM.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    array.flat[:2] = (limits.min, limits.max)
    return array


@pytest.mark.parametrize("shape", [(5, 7, 9), (3, 5, 7, 9)], ids=["zyx", "tzyx"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_voxels_of_every_type_are_read_as_they_were_written(tmp_path, write_store, dtype, shape):
    array = numbers(dtype, shape)
    image = open_image(write_store(tmp_path / "x.ome.zarr", array, block=(4, 4, 4))).image
    assert image.data.dtype == array.dtype
    assert_array_equal(image.read((slice(None),) * array.ndim), array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_infinity_and_minus_zero_are_read_as_they_were_written(tmp_path, write_store, dtype):
    array = np.array([[[np.nan, np.inf, -np.inf, -0.0, 0.0]]], dtype=dtype)
    image = open_image(write_store(tmp_path / "x.ome.zarr", array)).image
    assert image.read(EVERYTHING).tobytes() == array.tobytes()


@settings(max_examples=15)
@given(st.data())
def test_any_volume_on_any_grid_in_any_blocks_is_read_as_it_was_written(tmp_path_factory, write_store, data):
    geometry = data.draw(geometries(shear=0.1))
    volume = data.draw(volumes(geometry.shape, st.sampled_from(DTYPES)))
    block = tuple(data.draw(st.integers(1, 9)) for _ in range(3))
    path = tmp_path_factory.mktemp("any") / "x.ome.zarr"
    stored = open_image(write_store(path, volume, affine=geometry.affine, block=block))
    assert_array_equal(stored.image.read(EVERYTHING), volume)
    assert stored.image.geometry == geometry


@pytest.mark.parametrize("is_labels, reduce", [(False, mean), (True, majority)], ids=["image", "labels"])
def test_every_level_is_made_from_the_one_before(tmp_path, write_store, is_labels, reduce):
    array = RANDOM.integers(0, 4, (9, 150, 131)).astype(np.uint8)
    affine = as_affine(np.diag([1.0, 1.0, 2.5, 1.0])[:, [2, 1, 0, 3]])
    stored = open_image(
        write_store(tmp_path / "x.ome.zarr", array, affine=affine, block=(4, 32, 64), is_labels=is_labels)
    )
    assert stored.content.levels == ((1, 1, 1), (1, 2, 2), (1, 4, 4))
    expected = array
    for level in stored.levels[1:]:
        expected = reduce(expected, (1, 2, 2))
        assert_array_equal(level.read(EVERYTHING), expected)
        assert level.geometry.shape == expected.shape
        assert level.geometry.voxel_volume > stored.image.geometry.voxel_volume


def test_time_is_not_reduced(tmp_path, write_store):
    array = RANDOM.integers(0, 9, (3, 4, 5, 70)).astype(np.int16)
    stored = open_image(write_store(tmp_path / "x.ome.zarr", array))
    assert stored.levels[1].shape == (3, 4, 5, 35)
    assert_array_equal(stored.levels[1].read((slice(None),) * 4), mean(array, (1, 1, 1, 2)))


def test_frames_share_shards_and_small_ones_have_no_coarser_copies(tmp_path, write_store):
    array = RANDOM.integers(0, 255, (100, 1, 384, 512)).astype(np.uint8)
    meaning = Meaning(Geometry.own((1, 384, 512)), "tzyx", time_step=1 / 15037, space="pixels")
    path = write_store(tmp_path / "x.ome.zarr", array, meaning=meaning)
    assert {key for key in read_commit(path).objects if "/c/" in key} == {f"0/c/{n}/0/0/0" for n in range(3)}
    stored = open_image(path)
    assert stored.image.meaning == meaning
    assert stored.image.data.chunks == (1, 1, 384, 512)
    assert_array_equal(stored.image.read((slice(40, 45), *EVERYTHING)), array[40:45])


def test_frames_that_are_large_get_coarser_copies_in_which_no_times_are_mixed(tmp_path, write_store):
    array = RANDOM.integers(0, 60_000, (5, 1, 700, 1100)).astype(np.uint16)
    meaning = Meaning(Geometry.own((1, 700, 1100)), "tzyx", space="pixels")
    stored = open_image(write_store(tmp_path / "x.ome.zarr", array, meaning=meaning))
    assert [level.shape for level in stored.levels] == [(5, 1, 700, 1100), (5, 1, 350, 550), (5, 1, 350, 275)]
    assert_array_equal(stored.levels[1].read((slice(None),) * 4), mean(array, (1, 1, 2, 2)))


def test_what_is_no_volume_of_a_patient_says_so_in_one_line(tmp_path, write_store):
    volume = np.zeros((4, 5, 6), np.uint8)
    for name, array, words in (
        ("series", np.zeros((3, 4, 5, 6), np.uint8), {"axes": "tzyx"}),
        ("nowhere", volume, {"space": "own"}),
    ):
        meaning = Meaning(Geometry.own((4, 5, 6)), **words)
        stored = open_image(write_store(tmp_path / f"{name}.ome.zarr", array, meaning=meaning))
        with pytest.raises(
            MismatchError, match=rf"IMAGE-NOT-A-VOLUME.*{name}.ome.zarr.*a mask knows no other"
        ):
            stored.volume("a mask")
    stored = open_image(write_store(tmp_path / "x.ome.zarr", volume))
    assert stored.volume("a mask") is stored.image


def test_every_object_is_in_the_manifest_with_its_size_and_digest(tmp_path, write_store):
    array = numbers("int16", (9, 80, 70))
    path = write_store(tmp_path / "x.ome.zarr", array, block=(9, 40, 70))
    on_disk = {
        file.relative_to(path).as_posix(): (
            file.stat().st_size,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in path.rglob("*")
        if file.is_file()
    }
    manifest = read_commit(path).objects
    assert {key: (entry.size, entry.sha256) for key, entry in manifest.items()} == on_disk
    assert {"zarr.json", "0/zarr.json", "0/c/0/1/0", "1/c/0/0/0"} <= on_disk.keys()


def test_blocks_of_zeros_are_stored_like_any_other(tmp_path, write_store):
    path = write_store(tmp_path / "x.ome.zarr", np.zeros((4, 8, 4), np.uint8), block=(4, 4, 4))
    assert {"0/c/0/0/0", "0/c/0/1/0"} <= read_commit(path).objects.keys()


def test_the_same_voxels_in_the_same_blocks_make_the_same_store(tmp_path, write_store):
    array = numbers("float32", (5, 70, 6))
    digests = {
        read_commit(write_store(tmp_path / folder / "x.ome.zarr", array)).digest for folder in ("a", "b")
    }
    assert len(digests) == 1


def test_a_store_knows_its_name_and_opens_by_its_commit_too(store):
    by_store, by_commit = open_image(store), open_image(commit_path(store))
    assert by_store.path == by_commit.path == store
    assert by_store.name == "x"


# What the only write call refuses


@pytest.fixture
def writer(tmp_path):
    """A writer of shards of 4, 3 and 5 voxels that is never finished."""
    meaning = Meaning(Geometry((10, 9, 7), as_affine(np.eye(4))))
    with staged(tmp_path / "w.ome.zarr", Provenance("test", {}, {})) as staging:
        writer = ImageWriter(staging, Content.of(meaning), (10, 9, 7), "int16", (4, 3, 5))
        assert writer.shards == (4, 3, 5)
        yield writer
        for region in regions(writer.shape, writer.shards):
            writer.write(region, np.int16(0))
        writer.finish()


def test_a_region_is_written_if_and_only_if_it_is_whole_shards(writer):
    @settings(max_examples=200)
    @given(st.data())
    def law(data):
        region = tuple(
            slice(start, data.draw(st.integers(start + 1, n)))
            for n in writer.shape
            for start in [data.draw(st.integers(0, n - 1))]
        )
        touched = np.zeros(writer.shape, dtype=int)
        touched[region] = 1
        parts = [touched[shard] for shard in regions(writer.shape, writer.shards)]
        if all(part.all() or not part.any() for part in parts):
            writer.write(region, touched[region].astype(np.int16))
        else:
            with pytest.raises(StoreError, match="STORE-MISALIGNED"):
                writer.write(region, touched[region].astype(np.int16))

    law()


def test_an_image_with_a_part_that_was_never_written_is_not_finished(writer):
    first, *others = regions(writer.shape, writer.shards)
    for region in others:
        writer.write(region, np.zeros((1, 1, 1), dtype=np.int16))
        writer.write(region, np.ones((1, 1, 1), dtype=np.int16))  # twice is still one shard
    with pytest.raises(StoreError, match=r"STORE-INCOMPLETE .*17 written, expected all 18"):
        writer.finish()
    writer.write(first, np.zeros((1, 1, 1), dtype=np.int16))
    writer.finish()


def test_an_incomplete_image_is_never_committed(tmp_path):
    path = tmp_path / "x.ome.zarr"
    meaning = Meaning(Geometry((2, 2, 2), as_affine(np.eye(4))))
    with (
        pytest.raises(StoreError, match="STORE-INCOMPLETE"),
        staged(path, Provenance("test", {}, {})) as staging,
    ):
        ImageWriter(staging, Content.of(meaning), (2, 2, 2), "int16").finish()
    assert list(tmp_path.iterdir()) == []


# What readers refuse


def test_a_store_without_its_commit_is_refused(store):
    commit_path(store).unlink()
    with pytest.raises(StoreError, match=r"STORE-UNCOMMITTED .*a store without its commit"):
        open_image(store)


def test_nothing_is_refused_as_nothing(tmp_path):
    with pytest.raises(StoreError, match=r"STORE-UNCOMMITTED .*found nothing"):
        open_image(tmp_path / "x.ome.zarr")


def test_a_store_that_lost_or_gained_an_object_is_refused_on_opening(store):
    (store / "0/c/0/0/1").touch()
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        open_image(store)
    (store / "0/c/0/0/1").unlink()
    (store / "0/c/0/0/0").unlink()
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        open_image(store)


def test_an_altered_voxel_is_found_when_it_is_read(store):
    shard = store / "0/c/0/0/0"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    image = open_image(store).image
    with pytest.raises(StoreError, match="STORE-ALTERED") as caught:
        image.read(EVERYTHING)
    assert caught.value.file == str(shard)


@pytest.mark.parametrize("key", ["zarr.json", "0/zarr.json"])
def test_altered_metadata_is_found_on_opening(store, key):
    text = (store / key).read_text("utf-8")
    (store / key).write_text(text.replace("int16", "int32").replace("mean", "main"), "utf-8")
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        open_image(store)


def test_a_shard_replaced_by_another_good_one_is_found(tmp_path, write_store):
    array = RANDOM.integers(0, 99, (4, 4, 8)).astype(np.uint8)
    path = write_store(tmp_path / "x.ome.zarr", array, block=(4, 4, 4))
    one, other = path / "0/c/0/0/0", path / "0/c/0/0/1"
    content = one.read_bytes()
    other.write_bytes(content.ljust(other.stat().st_size, b"\0")[: other.stat().st_size])
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        open_image(path).image.read(EVERYTHING)
