"""What is read when, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest
from npe2 import PluginManager

import medscience
import napari_medscience
from medscience.errors import MedscienceError, StoreError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.store.commit import commit_path, read_commit
from medscience.store.images import open_image
from medscience.store.objects import VerifyingStore
from napari_medscience.reader import get_reader, read

PLUGIN = "napari-medscience"
SMALL = np.arange(120, dtype=np.int16).reshape(4, 5, 6)


@pytest.fixture
def store(tmp_path, write_store):
    """Return a small committed store."""
    return write_store(tmp_path / "x.ome.zarr", SMALL)


def test_the_manifest_is_valid_and_its_commands_import():
    run = [sys.executable, "-m", "npe2", "validate", "--imports", PLUGIN]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_npe2_finds_the_reader(store):
    manager = PluginManager.instance()
    manager.discover()
    for path in (store, commit_path(store)):
        assert PLUGIN in {reader.plugin_name for reader in manager.iter_compatible_readers([str(path)])}


def test_the_plugin_has_the_version_of_the_library():
    assert napari_medscience.__version__ == medscience.__version__


@pytest.mark.parametrize("name", ["x.zarr", "x.nii.gz", "x.ome.tif", "commit.json"])
def test_other_names_are_left_to_others(name):
    assert get_reader(name) is None
    assert get_reader(["x.ome.zarr", name]) is None


def test_a_list_gives_a_layer_for_each(store):
    layers = read([str(store), f"{commit_path(store)}"])
    assert [kind for _, _, kind in layers] == ["image", "image"]


def uncommitted(store):
    commit_path(store).unlink()


def truncated(store):
    object_of(store).write_bytes(object_of(store).read_bytes()[:-1])


def missing(store):
    object_of(store).unlink()


def added(store):
    (store / "more").write_bytes(b"")


def forged(store):
    path = commit_path(store)
    path.write_bytes(path.read_bytes().replace(b'"step": "ingest"', b'"step": "ingesT"'))


def object_of(store):
    """A file with voxels."""
    return next(file for file in store.rglob("c/**/*") if file.is_file())


@pytest.mark.parametrize(
    "damage, code",
    [
        (uncommitted, "STORE-UNCOMMITTED"),
        (truncated, "STORE-ALTERED"),
        (missing, "STORE-ALTERED"),
        (added, "STORE-ALTERED"),
        (forged, "COMMIT-ALTERED"),
    ],
)
def test_a_store_that_is_not_as_committed_is_refused_in_one_line(store, viewer, messages, damage, code):
    damage(store)
    with pytest.raises(StoreError, match=code) as caught:
        viewer.open(store, plugin=PLUGIN)
    assert messages == [caught.value.line]
    assert not viewer.layers


def test_voxels_that_were_altered_are_never_shown(tmp_path, viewer, write_store):
    array = np.random.default_rng(0).integers(0, 99, (170, 180, 190), dtype=np.uint8)
    store = write_store(tmp_path / "x.ome.zarr", array)
    (layer,) = viewer.open(store, plugin=PLUGIN)
    altered = store / "0" / "c" / "1" / "1" / "1"
    content = bytearray(altered.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    np.asarray(layer.data[0][:10, :10, :10])
    with pytest.raises(MedscienceError, match="STORE-ALTERED"):
        np.asarray(layer.data[0][-1])


def test_opening_reads_nothing_but_the_coarsest_level(tmp_path, viewer, write_store, monkeypatch):
    array = np.broadcast_to(np.arange(300, dtype=np.int16), (2, 260, 280, 300))
    store = write_store(tmp_path / "x.ome.zarr", array, time_step=1.0)
    keys = []
    verify = VerifyingStore.verify
    monkeypatch.setattr(VerifyingStore, "verify", lambda self, key: (keys.append(key), verify(self, key))[1])
    (data, how, _) = read(str(store))[0]
    coarsest = str(len(open_image(store).levels) - 1)
    assert {key.split("/")[0] for key in keys if "/c/" in key} == {coarsest}
    assert len(data) > 1
    assert how["contrast_limits"] == pytest.approx((4, 295), abs=6)
    keys.clear()
    np.asarray(data[0][1, 100])
    assert {key for key in keys if "/c/" in key} <= {
        key for key in read_commit(store).objects if key[:6] == "0/c/1/"
    }
    viewer.add_image(data, **how)
    assert not [key for key in keys if key.startswith("0/c/0/")]


def test_labels_of_another_version_of_the_image_are_named(
    tmp_path, viewer, messages, monkeypatch, write_store, meaning_of_labels
):
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    image = write_store(tmp_path / "images" / "x.ome.zarr", SMALL)
    digest = read_commit(image).digest
    right = write_store(
        tmp_path / "a" / "x.ome.zarr",
        SMALL.astype(np.uint8),
        labels=meaning_of_labels(image_digest=digest),
    )
    wrong = write_store(
        tmp_path / "b" / "x.ome.zarr",
        SMALL.astype(np.uint8),
        labels=meaning_of_labels(image_digest="0" * 64),
    )
    viewer.open([image, right], plugin=PLUGIN)
    assert not messages
    viewer.open(wrong, plugin=PLUGIN)
    assert len(messages) == 1
    assert str(wrong) in messages[0]


def test_a_recording_is_read_lazily_and_shown_as_a_camera_saw_it(tmp_path, write_store, viewer, monkeypatch):
    frames = np.arange(100 * 12).reshape(100, 1, 3, 4).astype(np.uint16)
    meaning = Meaning(Geometry.own((1, 3, 4)), "tzyx", time_step=1 / 15037, space="pixels")
    path = write_store(tmp_path / "strike.ome.zarr", frames, meaning=meaning)
    monkeypatch.setattr("napari_medscience.reader.napari.current_viewer", lambda: viewer)
    before = viewer.scene.camera.orientation
    ((data, how, kind),) = read(str(path))
    assert viewer.scene.camera.orientation == before  # not a patient: nothing to face
    assert (kind, how["scale"][0], how["multiscale"]) == ("image", pytest.approx(1 / 15037), False)
    np.testing.assert_array_equal(data[57, 0], frames[57, 0])
