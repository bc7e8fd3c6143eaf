"""Group E: OME-Zarr, of others and our own store coming back."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import zarr
from ome_zarr.format import FormatV04, FormatV05

from medscience.ingest.formats import open_source
from medscience.testing.phantoms import orientations
from tests.bad.nifti import flipped
from tests.bad.reading import reading, whole
from tests.ingest.test_ome_zarr import edit, multiscale, write_theirs
from tests.store.conftest import write as write_ours

VOLUME = np.random.default_rng(0).integers(1, 999, (7, 9, 11)).astype(np.int16)


def theirs(folder, version=FormatV05):
    """A good store of ome-zarr-py, in chunks of 4 x 5 x 6, with a level of half the size."""
    path = folder / "x.ome.zarr"
    write_theirs(VOLUME, orientations()[11], path, version)
    group = zarr.open_group(path, zarr_format=2 if version is FormatV04 else 3)
    keys = {"name": "v2" if version is FormatV04 else "default", "separator": "/"}
    for name, data in (("s0", VOLUME), ("s1", VOLUME[::2, ::2, ::2])):
        group.create_array(name, data=data, chunks=(4, 5, 6), overwrite=True, chunk_key_encoding=keys)

    def second_level(content):
        levels = multiscale(content)["datasets"]
        scale = [2 * step for step in levels[0]["coordinateTransformations"][0]["scale"]]
        levels.append({"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": scale}]})

    edit(path / ("zarr.json" if version is FormatV05 else ".zattrs"), second_level)
    return path


def changed(change, version=FormatV05):
    """A store of ome-zarr-py that is changed."""

    def make(folder):
        path = theirs(folder, version)
        change(path)
        return reading(path)

    return make


def image(change):
    """A store whose description of the image is changed."""
    return changed(lambda path: edit(path / "zarr.json", lambda content: change(multiscale(content))))


def array(**change):
    """A store of one level whose array is described otherwise."""

    def alter(path):
        edit(path / "zarr.json", lambda content: multiscale(content)["datasets"].pop())
        edit(path / "s0/zarr.json", lambda content: content.update(change))

    return changed(alter)


def array_v2(**change):
    """The same in version 2."""
    return changed(lambda path: edit(path / "s0/.zarray", lambda content: content.update(change)), FormatV04)


def file(key, change):
    """A store in which one file has other content."""

    def alter(path):
        content = change((path / key).read_bytes())
        if content is None:
            (path / key).unlink()
        else:
            (path / key).write_bytes(content)

    return changed(alter)


def ours(key, change):
    """One of our stores, in which one file has other content."""

    def make(folder):
        path = write_ours(folder / "x.ome.zarr", VOLUME)
        content = change((path / key).read_bytes())
        if content is None:
            (path / key).unlink()
        else:
            (path / key).write_bytes(content)
        return reading(path)

    return make


def nothing(_):
    """No file at all."""


def half(content):
    return content[: len(content) // 2]


def grid(*sides):
    return {"name": "regular", "configuration": {"chunk_shape": list(sides)}}


no_problem = changed(lambda path: None)
no_problem_v2 = changed(lambda path: None, FormatV04)
missing_chunk = file("s0/c/1/0/1", nothing)
all_chunks_missing = changed(lambda path: shutil.rmtree(path / "s0/c"))
our_chunk_missing = ours("0/c/0/0/0", nothing)
truncated_chunk = file("s0/c/1/0/1", half)
our_truncated_chunk = ours("0/c/0/0/0", half)
our_flipped_bit = ours("0/c/0/0/0", flipped)
our_name_flipped = ours("zarr.json", lambda content: content.replace(b"medscience", b"medsciencf"))
our_flipped_metadata = ours("0/zarr.json", flipped)
metadata_empty = file("s0/zarr.json", lambda _: b"")
metadata_truncated = file("zarr.json", half)
metadata_absent = file("zarr.json", nothing)
array_absent = file("s0/zarr.json", nothing)
metadata_a_list = file("zarr.json", lambda _: b"[]")
metadata_deep = file("zarr.json", lambda _: b"[" * 100000)
metadata_twice = file("zarr.json", lambda content: content.replace(b"{", b'{"node_type": 1,', 1))
shape_smaller = array(shape=[4, 9, 11])
shape_larger = array(shape=[9, 9, 11])
type_lies = array(data_type="float64")
chunks_lie = array(chunk_grid=grid(5, 5, 6))
bomb = array(shape=[1024] * 3, chunk_grid=grid(1024, 1024, 1024))
chunk_side_zero = array(chunk_grid=grid(4, 0, 6))
side_negative = array(shape=[7, -9, 11])
many_chunks = array(shape=[2**40] * 3, chunk_grid=grid(1, 1, 1))
names_differ = array(dimension_names=["x", "y", "z"])
codec_unknown = array(codecs=[{"name": "bytes"}, {"name": "rot13"}])
objects = array_v2(dtype="|O")
pickles = array_v2(filters=[{"id": "pickle"}])
outside = image(lambda content: content["datasets"][0].update(path="../secret"))
elsewhere = image(lambda content: content["datasets"][0].update(path="/etc"))
scale_zero = image(lambda content: step(content).update(scale=[1, 0, 1]))
scale_negative = image(lambda content: step(content).update(scale=[1, -1, 1]))
scale_nan = file("zarr.json", lambda content: content.replace(b"2.5", b"NaN"))
scale_short = image(lambda content: step(content).update(scale=[1, 1]))
no_scale = image(lambda content: content["datasets"][0].update(coordinateTransformations=[]))
levels_grow = image(lambda content: content["datasets"].reverse())
scale_against_shape = image(lambda content: step(content, 1).update(scale=[9, 9, 9]))
unit_unheard_of = image(lambda content: content["axes"][0].update(unit="furlong"))
axis_twice = image(lambda content: content["axes"][0].update(name="y"))
axes_reversed = image(lambda content: content["axes"].reverse())
axes_too_few = image(lambda content: content["axes"].pop())
no_datasets = image(lambda content: content.update(datasets=[]))
no_version = changed(
    lambda path: edit(path / "zarr.json", lambda content: content["attributes"]["ome"].pop("version"))
)
no_version_v2 = changed(
    lambda path: edit(path / ".zattrs", lambda content: multiscale(content).pop("version")), FormatV04
)
no_image = changed(lambda path: edit(path / "zarr.json", lambda content: content["attributes"].pop("ome")))
leftovers = changed(lambda path: (path / "s0/c/0/0/1.0a.partial").write_bytes(b"half"))
both_versions = changed(lambda path: (path / "s0/.zarray").write_text("{}"))


def step(content, level=0):
    return content["datasets"][level]["coordinateTransformations"][0]


def truncated_shard(folder):
    """A shard whose index is torn."""
    path = theirs(folder)
    options = {"shards": (8, 10, 12), "chunks": (4, 5, 6), "overwrite": True}
    zarr.open_group(path).create_array("s0", data=VOLUME, **options)
    shard = path / "s0/c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:-10])
    return reading(path)


def flipped_gzip(folder):
    """A changed bit that the codec notices."""
    path = theirs(folder)
    gzipped = zarr.codecs.GzipCodec()
    zarr.open_group(path).create_array(
        "s0", data=VOLUME, chunks=(7, 9, 11), compressors=gzipped, overwrite=True
    )
    chunk = path / "s0/c/0/0/0"
    chunk.write_bytes(flipped(chunk.read_bytes()))
    return reading(path)


def told_to_fill(folder):
    """A missing chunk of which someone says that it is meant to be empty."""
    path, told = theirs(folder), folder / "known.yaml"
    (path / "s0/c/1/0/1").unlink()
    told.write_text("missing_chunks: fill")

    def attempt():
        source = open_source(path, told)
        expected = VOLUME.copy()
        expected[4:, :5, 6:] = 0
        assert (whole(source) == expected).all()
        return [repair.code for repair in source.repairs]

    return attempt


def no_orientation(told):
    """A store that leaves open where its axes run, until someone says it."""

    def make(folder):
        path, known = theirs(folder), folder / "known.yaml"
        for_all = lambda content: [axis.pop("orientation") for axis in multiscale(content)["axes"]]  # noqa: E731
        edit(path / "zarr.json", for_all)
        known.write_text("orientation: SAR")

        def attempt():
            source = open_source(path, known if told else None)
            whole(source)
            return [repair.code for repair in source.repairs]

        return attempt

    return make


orientation_open = no_orientation(told=False)
orientation_told = no_orientation(told=True)


def link(folder):
    """A chunk that is a link to a file outside of the store."""
    path, secret = theirs(folder), folder / "secret"
    chunk = path / "s0/c/1/0/1"
    chunk.rename(secret)
    chunk.symlink_to(secret)
    return reading(path)


def linked_folder(folder):
    """The same with a folder."""
    path = theirs(folder)
    (path / "s0").rename(folder / "secret")
    (path / "s0").symlink_to(folder / "secret")
    return reading(path)


def consolidated(version):
    """Metadata of the whole store that are older than the array's own."""

    def make(folder):
        path = theirs(folder, version)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)  # version 3 does not define it
            zarr.consolidate_metadata(path, zarr_format=2 if version is FormatV04 else 3)
        attempt = reading(path)
        attempt()  # as long as they agree
        name = "s0/.zarray" if version is FormatV04 else "s0/zarr.json"
        edit(path / name, lambda content: content.update(shape=[7, 9, 12]))
        return attempt

    return make


stale = consolidated(FormatV05)
stale_v2 = consolidated(FormatV04)


def level_of_another_type(folder):
    """A pyramid of whole numbers and of fractions."""
    path = theirs(folder)
    data = VOLUME[::2, ::2, ::2].astype(np.float32)
    zarr.open_group(path).create_array("s1", data=data, overwrite=True)
    return reading(path)


def labels(**options):
    """Labels within a store that do not fit to its image."""

    def make(folder):
        path = theirs(folder)
        inner = theirs(folder / "other")
        if data := options.get("data"):
            zarr.open_group(inner).create_array("s0", data=data(), overwrite=True)
        if "levels" in options:
            edit(inner / "zarr.json", lambda content: multiscale(content)["datasets"].pop())
        edit(inner / "zarr.json", lambda content: content["attributes"]["ome"].update({"image-label": {}}))
        (path / "labels").mkdir()
        shutil.move(inner, path / "labels/liver")
        return reading(path / "labels/liver")

    return make


labels_that_fit = labels()
float_labels = labels(data=lambda: VOLUME.astype(np.float32), levels=1)
labels_of_another_shape = labels(data=lambda: VOLUME[:6])
labels_of_other_levels = labels(levels=1)


def zipped(folder):
    """A store in an archive."""
    path = theirs(folder)
    shutil.make_archive(str(path), "zip", path)
    shutil.rmtree(path)
    return reading(folder / "x.ome.zarr.zip")


def address(text):
    """A source on the net."""
    return lambda _: reading(Path(text))


s3 = address("s3://bucket/x.ome.zarr")
http = address("http://host/x.ome.zarr")
file_url = address("file:///etc/x.ome.zarr")
