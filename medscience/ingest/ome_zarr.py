"""OME-Zarr images of other programs, and our own stores coming back.

What a foreign store says is checked against its files before a chunk is decoded, which happens behind the
fence. One of ours has a commit: its digests are checked, and its own metadata are exact.
"""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from medscience.config.acquisition import Volume
from medscience.config.yaml import read_yaml
from medscience.errors import InputError, about
from medscience.geometry import Geometry, Sizes
from medscience.image import Meaning
from medscience.ingest.affine import checked_geometry
from medscience.ingest.fence import decoding
from medscience.ingest.ngff import ImageMetadata, attributes, read_image
from medscience.ingest.source import Repair, Source, unused
from medscience.ingest.voxels import not_finite
from medscience.ingest.zarr_array import ArrayLayout
from medscience.ingest.zarr_files import StoreFiles, refused
from medscience.store.commit import commit_path
from medscience.store.images import open_image

LARGEST_PART = 256 << 20
"""Bytes that are decoded at a time."""
DIRECTIONS = {
    "R": (1, 0, 0),
    "L": (-1, 0, 0),
    "A": (0, 1, 0),
    "P": (0, -1, 0),
    "S": (0, 0, 1),
    "I": (0, 0, -1),
}
"""Where a letter leads in RAS+."""

Index = tuple[int, ...]


def open_ome_zarr(path: Path, acquisition: Path | None = None) -> Source:
    """Open an OME-Zarr image: its level of full resolution.

    Parameters
    ----------
    path : Path
        The folder of a store of version 0.4 or 0.5; or of one of ours, with its commit beside it.
    acquisition : Path, optional
        Says what the store leaves open: orientation, unit, whether missing chunks are meant to be empty.

    Returns
    -------
    Source
        A volume (Z, Y, X), or several in time, in RAS+ millimetres with the numbers as they are stored.

    Raises
    ------
    InputError
        If metadata, arrays and files do not fit together, or leave open where the voxels lie.
    StoreError
        If it is a store of ours without its commit, or was altered.
    """
    files = StoreFiles(path)
    own = attributes(files)
    if "medscience" in own or commit_path(path).exists():
        if acquisition:
            raise unused(acquisition, "a store of ours")
        return _our_own(path)
    told = read_yaml(acquisition, Volume) if acquisition else Volume()
    repairs: list[Repair] = []
    image = read_image(files, told, repairs)
    _check_consolidated(files, image.array)
    _check_labels(files, own, image)
    missing = image.array.check_pieces(files, may_miss=told.missing_chunks == "fill")
    if missing:
        repairs.append(
            Repair("OMEZARR-MISSING-CHUNKS", image.array.folder, f"{missing} missing", "fill value")
        )
    times = image.array.shape[0] if image.time_step else 1
    if len(image.axes) > 3 + (times > 1):
        repairs.append(Repair("OMEZARR-SINGLETON", "axes", image.axes, "tzyx" if times > 1 else "zyx"))
    return Source(
        _meaning(path, image, repairs),
        image.array.dtype.newbyteorder("="),
        files.sha256(),
        {"format": "ome-zarr"},
        partial(_slabs, files, image.array, times),
        repairs,
        times,
    )


def open_zipped(path: Path, _acquisition: Path | None = None) -> Source:
    """Refuse a zipped store: its parts could not be checked one by one."""
    raise refused(path, "ZIP", "format", "a zip archive", "a folder", "unpack it")


def read_part(root: str, folder: str, start: Index, stop: Index) -> NDArray[Any]:
    """Decode a part of an array; this runs behind the fence."""
    array = zarr.open_array(LocalStore(Path(root), read_only=True), path=folder, mode="r")
    return np.asarray(array[tuple(map(slice, start, stop))])


def _our_own(path: Path) -> Source:
    stored = open_image(path)
    image = stored.image
    return Source(
        image.meaning,
        np.dtype(image.data.dtype),
        stored.commit.digest,
        stored.content.source,
        image.slabs,
        [],
        image.shape[0] if "t" in image.meaning.axes else 1,
    )


def _meaning(root: Path, image: ImageMetadata, repairs: list[Repair]) -> Meaning:
    """Return what the axes mean; those that are not in a patient are taken to be as in ``SAR`` for checks."""
    own = image.orientation == "own"
    letters = "SAR" if own else image.orientation
    directions = np.array([DIRECTIONS[letter] for letter in reversed(letters)], dtype=np.float64).T
    matrix = np.eye(4)
    matrix[:3, :3] = directions * image.scale[::-1]
    matrix[:3, 3] = directions @ image.translation[::-1]
    z, y, x = image.array.shape[-3:]
    grid = checked_geometry(root, "OMEZARR", (z, y, x), matrix, repairs)
    axes = "tzyx" if image.time_step else "zyx"
    if own:
        return Meaning(Geometry.own((z, y, x), grid.spacing), axes, time_step=image.time_step, space="own")
    return Meaning(grid, axes, time_step=image.time_step)


def _slabs(files: StoreFiles, array: ArrayLayout, times: int, slices: int) -> Iterator[NDArray[Any]]:
    depth, height, width = array.shape[-3:]
    lead = len(array.shape) - 3
    thick = max(LARGEST_PART // (height * width * array.dtype.itemsize), 1)
    broken = 0
    for time, start in product(range(times), range(0, depth, slices)):
        stop = min(start + slices, depth)
        slab = np.empty((stop - start, height, width), array.dtype.newbyteorder("="))
        for first in range(start, stop, thick):
            last = min(first + thick, stop)
            begin = (time, 0)[:lead] if times > 1 else (0,) * lead
            end = tuple(n + 1 for n in begin)
            part = _read(files, array, (*begin, first, 0, 0), (*end, last, height, width))
            slab[first - start : last - start] = part.reshape(last - first, height, width)
        broken += not_finite(slab)
        yield slab
    files.stamp.check()
    if broken:
        found, fix = f"{broken} NaN or infinite voxels", "replace them with what they stand for"
        raise refused(files.root, "NOT-FINITE", "voxels", found, "finite numbers", fix)


def _read(files: StoreFiles, array: ArrayLayout, start: Index, stop: Index) -> NDArray[Any]:
    """Return a part of an array; if it does not decode, say which file is to blame."""
    call = partial(decoding().call, read_part, str(files.root), array.folder)
    expected = tuple(b - a for a, b in zip(start, stop, strict=True))
    try:
        with about(files.root):
            part: NDArray[Any] = call(start, stop)
    except InputError:
        files.stamp.check()
        pieces = zip(start, stop, array.pieces, strict=True)
        for index in product(*(range(a // n, -(-b // n)) for a, b, n in pieces)):
            corner = tuple(i * n for i, n in zip(index, array.pieces, strict=True))
            try:
                call(corner, tuple(c + 1 for c in corner))
            except InputError as fault:
                key, fix = array.key(index), "copy the store again"
                raise refused(files.root, "CHUNK", key, fault.found, "a chunk that decodes", fix) from fault
        raise
    if part.shape != expected or part.dtype.newbyteorder("=") != array.dtype.newbyteorder("="):
        found = f"{part.shape} of {part.dtype}"
        raise refused(files.root, "CHUNK", array.folder, found, f"{expected} of {array.dtype}")
    return part


def _check_consolidated(files: StoreFiles, array: ArrayLayout) -> None:
    """Refuse a copy of the array's metadata at the root that says otherwise than the array itself."""
    names: tuple[str, ...]
    if files.version() == 2:
        key = name = f"{array.folder}/.zarray"
        names = ("shape", "chunks", "dtype", "compressor", "filters")
        copies = files.json(".zmetadata") if ".zmetadata" in files.files else {}
    else:
        key, name = f"{array.folder}/zarr.json", array.folder
        names = ("shape", "data_type", "chunk_grid", "codecs")
        copies = files.json("zarr.json").get("consolidated_metadata") or {}
    for part in ("metadata", name):
        copies = copies.get(part) if isinstance(copies, dict) else None
    if copies is None:
        return
    truth = files.json(key)
    for name in names:
        if not isinstance(copies, dict) or copies.get(name) != truth.get(name):
            fix = "consolidate the metadata again, or delete the copy"
            raise refused(files.root, "CONSOLIDATED", f"{key}: {name}", "another copy", "the same twice", fix)


def _check_labels(files: StoreFiles, own: dict[str, Any], image: ImageMetadata) -> None:
    """Refuse labels that are not whole numbers, or not on the grid of the image around them."""
    ome = own.get("ome", {}) if files.version() == 3 else own
    if "image-label" not in ome:
        return
    dtype = image.array.dtype
    if dtype.kind not in "iu":
        raise refused(files.root, "LABELS", f"{image.array.folder}: type", dtype, "whole numbers")
    around = files.root.absolute().parent.parent
    if files.root.absolute().parent.name == "labels" and any(
        (around / name).is_file() for name in ("zarr.json", ".zattrs")
    ):
        other = read_image(StoreFiles(around), Volume(orientation="own", unit="millimeter"), [])
        ours, theirs = _sides(image), _sides(other)
        if ours != theirs:
            found, expected = f"{ours} in {image.levels} levels", f"{theirs} in {other.levels}, as its image"
            raise refused(files.root, "LABELS", f"{image.array.folder}: shape", found, expected)


def _sides(image: ImageMetadata) -> tuple[Sizes, int]:
    z, y, x = image.array.shape[-3:]
    return (z, y, x), image.levels
