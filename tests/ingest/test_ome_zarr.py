"""OME-Zarr stores, against the writers of ome-zarr-py and zarr-python; and ours in other readers."""

import hashlib
import json
import warnings

import numpy as np
import pytest
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from medscience.errors import InputError, StoreError
from medscience.geometry import Geometry, as_affine
from medscience.ingest.formats import open_source
from medscience.store.metadata import ORIENTATIONS
from medscience.testing.phantoms import obliques, orientations
from tests.ingest.contract import ReaderContract, voxels
from tests.store.conftest import write as write_ours

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of its own code, when it is imported
    from ome_zarr.writer import write_image

UPRIGHT = orientations()


def edit(path, change):
    """Change a JSON document."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def multiscale(content):
    """Return the description of the image in a group's document of either version."""
    return (content["attributes"]["ome"] if "attributes" in content else content)["multiscales"][0]


def document(path):
    return next(path / name for name in (".zattrs", "zarr.json") if (path / name).exists())


def write_theirs(volume, geometry, path, version=FormatV05):
    """Write a volume (Z, Y, X) on an upright grid with ome-zarr-py, and add what it has no words for."""
    spacing = dict(zip("zyx", geometry.spacing, strict=True))
    units = dict.fromkeys("zyx", "millimeter")
    write_image(
        volume, str(path), axes="zyx", fmt=version(), scale=spacing, axes_units=units, scale_factors=[]
    )

    def place(content):
        image = multiscale(content)
        for axis, letter in zip(image["axes"], geometry.orientation, strict=True):
            axis["orientation"] = {"type": "anatomical", "value": ORIENTATIONS[letter]}
        origin = np.asarray(geometry.origin) @ geometry.directions
        (step,) = [s for s in image["datasets"][0]["coordinateTransformations"] if s["type"] == "translation"]
        step["translation"] = origin.tolist()

    edit(document(path), place)


class TestVersion05(ReaderContract):
    ending = ".ome.zarr"
    dtypes = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
    version = FormatV05

    def write(self, volume, geometry, path):
        write_theirs(volume, geometry, path, self.version)

    def a_chunk(self, path):
        return next(file for file in path.rglob("*") if file.is_file() and file.name.isdigit())

    @pytest.mark.parametrize("grid", UPRIGHT, ids=lambda grid: grid.orientation)
    def test_a_landmark_keeps_its_place_in_the_world(self, grid, tmp_path):
        super().test_a_landmark_keeps_its_place_in_the_world(grid, tmp_path)

    @pytest.mark.parametrize("grid", UPRIGHT[::7], ids=lambda grid: grid.orientation)
    def test_no_axis_is_flipped_or_permuted(self, grid, tmp_path):
        super().test_no_axis_is_flipped_or_permuted(grid, tmp_path)

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
    def test_a_truncated_file_is_refused(self, part, tmp_path):
        """One chunk is; the error names it."""
        path = tmp_path / "scan.ome.zarr"
        self.write(np.random.default_rng(1).integers(-999, 999, (7, 9, 11), np.int16), UPRIGHT[0], path)
        chunk = self.a_chunk(path)
        content = chunk.read_bytes()
        chunk.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError, match="OMEZARR-CHUNK") as fault:
            voxels(open_source(path))
        assert fault.value.field == chunk.relative_to(path).as_posix()
        assert fault.value.file == str(path)

    def test_a_file_that_changes_while_it_is_read_is_refused(self, tmp_path):
        path = tmp_path / "scan.ome.zarr"
        self.write(np.ones((7, 9, 11), np.int16), UPRIGHT[0], path)
        slabs = open_source(path).slabs(2)
        next(slabs)
        self.a_chunk(path).touch()
        with pytest.raises(InputError, match="INPUT-CHANGED"):
            list(slabs)

    def test_the_digest_is_that_of_the_file(self, tmp_path):
        """Of a list of all files with their digests."""
        path = tmp_path / "scan.ome.zarr"
        self.write(np.ones((7, 9, 11), np.int16), UPRIGHT[0], path)
        files = {f.relative_to(path).as_posix(): f for f in path.rglob("*") if f.is_file()}
        lines = [f"{hashlib.sha256(files[key].read_bytes()).hexdigest()}  {key}\n" for key in sorted(files)]
        assert open_source(path).sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()

    def test_a_missing_file_and_a_folder_are_refused(self, tmp_path):
        (tmp_path / "folder.ome.zarr").mkdir()
        with pytest.raises(InputError, match="OMEZARR-VERSION"):
            open_source(tmp_path / "folder.ome.zarr")
        with pytest.raises(InputError, match="INPUT-MISSING"):
            open_source(tmp_path / "missing.ome.zarr")


class TestVersion04(TestVersion05):
    version = FormatV04


@pytest.fixture
def acquisition(tmp_path):
    """Return a function that writes what someone knows of a store."""

    def tell(text):
        path = tmp_path / "known.yaml"
        path.write_text(text)
        return path

    return tell


def test_an_image_as_ome_zarr_py_writes_it_is_read_once_it_is_said_how_it_lies(tmp_path, acquisition):
    path, volume = tmp_path / "x.ome.zarr", np.arange(20 * 80 * 90, dtype=np.uint16).reshape(20, 80, 90)
    units = dict.fromkeys("zyx", "micrometer")
    write_image(volume, str(path), axes="zyx", scale={"z": 2, "y": 0.5, "x": 0.25}, axes_units=units)
    with pytest.raises(InputError, match=r"OMEZARR-ORIENTATION.*acquisition file"):
        open_source(path)
    source = open_source(path, acquisition("orientation: IPL"))
    assert_array_equal(voxels(source), volume)
    assert source.meaning.geometry.orientation == "IPL"
    assert_allclose(source.meaning.geometry.spacing, (0.002, 0.0005, 0.00025))
    assert [repair.code for repair in source.repairs] == ["OMEZARR-ORIENTATION"]
    assert open_source(path, acquisition("orientation: own")).meaning.space == "own"


def test_a_unit_that_is_missing_must_be_told(tmp_path, acquisition):
    path = tmp_path / "x.ome.zarr"
    write_image(np.ones((7, 9, 11), np.uint8), str(path), axes="zyx", scale_factors=[])
    with pytest.raises(InputError, match=r"OMEZARR-UNIT.*acquisition file"):
        open_source(path, acquisition("orientation: SAR"))
    source = open_source(path, acquisition("{orientation: SAR, unit: centimeter}"))
    assert source.meaning.geometry.spacing == (10, 10, 10)


@pytest.mark.parametrize("shape, axes", [((3, 4, 5, 6), "tzyx"), ((3, 1, 4, 5, 6), "tczyx")])
def test_volumes_in_time_come_one_after_the_other(shape, axes, tmp_path):
    path, volume = tmp_path / "x.ome.zarr", np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    array = zarr.create_group(path).create_array(
        "0", shape=shape, chunks=(1,) * (len(shape) - 2) + (3, 4), dtype="i4"
    )
    array[:] = volume
    units = {"t": "millisecond", "z": "millimeter", "y": "millimeter", "x": "millimeter"}
    entries = [{"name": a, "type": {"t": "time", "c": "channel"}.get(a, "space")} for a in axes]
    for entry in entries:
        if entry["name"] in units:
            entry["unit"] = units[entry["name"]]
    for entry, letter in zip(entries[-3:], "SAR", strict=True):
        entry["orientation"] = {"type": "anatomical", "value": ORIENTATIONS[letter]}
    scale = [{"type": "scale", "scale": [250.0] + [1.0] * (len(axes) - 1)}]
    ome = {
        "version": "0.5",
        "multiscales": [{"axes": entries, "datasets": [{"path": "0", "coordinateTransformations": scale}]}],
    }
    zarr.open_group(path).attrs["ome"] = ome
    source = open_source(path)
    assert (source.meaning.axes, source.meaning.time_step, source.times) == ("tzyx", 0.25, 3)
    assert_array_equal(voxels(source, 3), volume.reshape(-1, 5, 6))


@pytest.mark.parametrize("options", [{"shards": (4, 10, 12), "chunks": (2, 5, 6)}, {"chunks": (3, 4, 5)}])
@pytest.mark.parametrize("slices", [1, 3, 7])
def test_chunks_and_shards_of_any_size_give_the_same_volume(options, slices, tmp_path):
    path, volume = tmp_path / "x.ome.zarr", np.arange(1, 694, dtype=">u2").reshape(7, 9, 11)
    write_theirs(volume, UPRIGHT[0], path)
    zarr.open_group(path).create_array("s0", data=volume, overwrite=True, **options)
    source = open_source(path)
    assert_array_equal(voxels(source, slices), volume)


def test_gaps_in_shards_are_missing_chunks_too(tmp_path, acquisition):
    path, volume = tmp_path / "x.ome.zarr", np.zeros((7, 9, 11), np.uint16)
    volume[:2, :5, :6] = 7
    write_theirs(volume, UPRIGHT[0], path)
    options = {"shards": (8, 10, 12), "chunks": (2, 5, 6), "fill_value": 0}
    zarr.open_group(path).create_array("s0", data=volume, overwrite=True, **options)
    with pytest.raises(InputError, match=r"OMEZARR-MISSING-CHUNKS.*gaps in 1 shards"):
        open_source(path)
    source = open_source(path, acquisition("missing_chunks: fill"))
    assert_array_equal(voxels(source), volume)
    assert [repair.code for repair in source.repairs] == ["OMEZARR-MISSING-CHUNKS"]


@pytest.mark.parametrize("grid", [*UPRIGHT[::9], *obliques(3)], ids=lambda grid: grid.orientation)
def test_a_store_of_ours_comes_back_as_it_was(grid, tmp_path):
    volume = np.arange(693, dtype=np.int16).reshape(grid.shape)
    source = open_source(write_ours(tmp_path / "x.ome.zarr", volume, affine=grid.affine))
    assert source.meaning.geometry == grid
    assert_array_equal(voxels(source), volume)


def test_a_store_of_ours_without_its_commit_is_refused(tmp_path):
    path = write_ours(tmp_path / "x.ome.zarr", np.ones((7, 9, 11), np.int16))
    path.with_name("x.ome.zarr.commit.json").unlink()
    with pytest.raises(StoreError, match="STORE-UNCOMMITTED"):
        open_source(path)


def test_what_ours_say_of_spacing_type_and_place_is_what_our_own_reader_of_foreign_stores_finds(tmp_path):
    """Without our own metadata a store is one of anyone, and what NGFF and RFC-4 can say is all there."""
    for grid in UPRIGHT[::5]:
        path = tmp_path / f"{grid.orientation}.ome.zarr"
        volume = np.arange(693, dtype=np.int16).reshape(grid.shape)
        write_ours(path, volume, affine=grid.affine)
        edit(path / "zarr.json", lambda content: content["attributes"].pop("medscience"))
        path.with_name(f"{path.name}.commit.json").unlink()
        source = open_source(path)
        assert source.meaning.geometry.close_to(grid, 1e-9)
        assert_array_equal(voxels(source), volume)


def test_ome_zarr_py_reads_ours_with_shape_spacing_and_type(tmp_path):
    volume = np.arange(5 * 130 * 70, dtype=np.int16).reshape(5, 130, 70)
    grid = Geometry(volume.shape, as_affine(np.diag([0.7, 0.8, 3.0, 1.0])[:, [2, 1, 0, 3]]))
    path = write_ours(tmp_path / "x.ome.zarr", volume, affine=grid.affine)
    (node,) = Reader(parse_url(path))()
    assert (node.data[0].shape, node.data[0].dtype) == (volume.shape, volume.dtype)
    assert_array_equal(np.asarray(node.data[0]), volume)
    scale = next(s for s in node.metadata["coordinateTransformations"][0] if s["type"] == "scale")
    assert_allclose(scale["scale"], (3.0, 0.8, 0.7))
    assert [axis["unit"] for axis in node.metadata["axes"]] == ["millimeter"] * 3
