"""The metadata of an OME-Zarr image, version 0.4 or 0.5, checked by us (ngff.openmicroscopy.org).

Schemas and other readers accept scales of 0, levels that grow and unknown units; here these are errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medscience.config.acquisition import Volume
from medscience.ingest.affine import LARGEST
from medscience.ingest.source import Repair
from medscience.ingest.zarr_array import ArrayLayout
from medscience.ingest.zarr_files import Loose, StoreFiles, refused
from medscience.store.metadata import ORIENTATIONS

MILLIMETRES = {
    "angstrom": 1e-7,
    "nanometer": 1e-6,
    "micrometer": 1e-3,
    "millimeter": 1.0,
    "centimeter": 10.0,
    "decimeter": 100.0,
    "meter": 1000.0,
}
SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0}
VERSIONS = {2: "0.4", 3: "0.5"}
"""NGFF's version by Zarr's."""
LETTERS = {name: letter for letter, name in ORIENTATIONS.items()}
AXES = ("zyx", "czyx", "tzyx", "tczyx")
AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class Orientation(Loose):
    """RFC-4's: where an axis of space runs."""

    type: Literal["anatomical"]
    value: str


class Axis(Loose):
    """One axis of the arrays."""

    name: str
    type: str | None = None
    unit: str | None = None
    orientation: Orientation | None = None


class Transformation(Loose):
    """A step from an index to a position."""

    type: str
    scale: list[Number] | None = None
    translation: list[Number] | None = None


class Dataset(Loose):
    """One level of the pyramid."""

    path: str
    coordinateTransformations: list[Transformation]  # noqa: N815 - NGFF's name


class Multiscale(Loose):
    """An image in several resolutions."""

    axes: list[Axis]
    datasets: Annotated[list[Dataset], Field(min_length=1, max_length=64)]
    coordinateTransformations: tuple[Transformation, ...] = Field((), strict=False)  # noqa: N815 - NGFF's name
    version: str | None = None


class Images(Loose):
    """What a group says of its images."""

    multiscales: Annotated[list[Multiscale], Field(min_length=1, max_length=1)]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """An image at full resolution: its array, and what its axes mean."""

    array: ArrayLayout
    levels: int
    axes: str
    scale: NDArray[np.float64]
    """Distance of voxels along (z, y, x), in millimetres."""
    translation: NDArray[np.float64]
    """Position of the first voxel along (z, y, x), in millimetres."""
    orientation: str
    """Where z, y, x run, as in ``SAR``, or ``own``."""
    time_step: float | None


def attributes(files: StoreFiles, folder: str = "") -> dict[str, Any]:
    """Return the attributes of a group."""
    name = f"{folder}/" if folder else ""
    content = files.json(f"{name}zarr.json" if files.version(folder) == 3 else f"{name}.zattrs")
    if files.version(folder) == 3 and isinstance(content, dict):
        content = content.get("attributes")
    if not isinstance(content, dict):
        raise refused(files.root, "METADATA", f"{name}attributes", type(content).__name__, "an object")
    return content


def read_image(files: StoreFiles, told: Volume, repairs: list[Repair]) -> ImageMetadata:
    """Return what a group says of its image.

    Parameters
    ----------
    files : StoreFiles
        The store.
    told : Volume
        What it leaves open.
    repairs : list of Repair
        Grows by what was told.

    Raises
    ------
    InputError
        If the metadata are incomplete, contradict each other or the arrays, or leave open where voxels lie.
    """
    images = _images(files)
    (multiscale,) = images.multiscales
    axes = _axes(files, multiscale)
    arrays = [ArrayLayout.read(files, _folder(files, dataset.path)) for dataset in multiscale.datasets]
    for array in arrays:
        if len(array.shape) != len(axes):
            raise refused(files.root, "AXES", "axes", f"{axes} for {array.shape}", "an axis for each side")
        if array.names and any(array.names) and array.names != tuple(axes):
            found = f"{array.names} in the array {array.folder}"
            raise refused(files.root, "AXES", "dimension_names", found, f"{tuple(axes)}, as in the axes")
    steps = [_placed(files, multiscale, dataset, len(axes)) for dataset in multiscale.datasets]
    _check_levels(files, arrays, [scale for scale, _ in steps])
    scale, translation = steps[0]
    units = _units(files, multiscale, told, repairs)
    return ImageMetadata(
        arrays[0],
        len(arrays),
        axes,
        scale[-3:] * units,
        translation[-3:] * units,
        _orientation(files, multiscale, told, repairs),
        _time_step(files, multiscale, axes, arrays[0], float(scale[0])),
    )


def _images(files: StoreFiles) -> Images:
    content, version = attributes(files), files.version()
    where = "ome" if version == 3 else ".zattrs"
    content = content.get("ome", {}) if version == 3 else content
    images = files.document(Images, content, where)
    said = images.version if version == 3 else images.multiscales[0].version
    if said != VERSIONS[version]:
        found = f"{said} in a store of Zarr {version}"
        raise refused(files.root, "NGFF-VERSION", f"{where}: version", found, VERSIONS[version])
    return images


def _axes(files: StoreFiles, multiscale: Multiscale) -> str:
    names = "".join(axis.name for axis in multiscale.axes)
    right = names in AXES and all(axis.type == AXIS_TYPES[axis.name] for axis in multiscale.axes)
    if not right:
        found = ", ".join(f"{axis.name} ({axis.type})" for axis in multiscale.axes)
        expected = "z, y, x of type space, perhaps after t (time) and c (channel)"
        raise refused(files.root, "AXES", "axes", found, expected, "write it with these axes, in this order")
    return names


def _folder(files: StoreFiles, path: str) -> str:
    if not path or any(part in {"", ".", ".."} for part in path.split("/")) or "\\" in path:
        raise refused(files.root, "PATH", "datasets: path", repr(path), "a folder within the store")
    return path


def _placed(
    files: StoreFiles, multiscale: Multiscale, dataset: Dataset, axes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and translation of a level, those of the whole image applied after its own."""
    scale, translation = _steps(files, dataset.coordinateTransformations, axes, dataset.path)
    if multiscale.coordinateTransformations:
        outer, shift = _steps(files, multiscale.coordinateTransformations, axes, "multiscales")
        scale, translation = scale * outer, translation * outer + shift
    return scale, translation


def _steps(
    files: StoreFiles, transformations: Sequence[Transformation], axes: int, where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    field = f"{where}: coordinateTransformations"
    kinds = [step.type for step in transformations]
    if kinds not in (["scale"], ["scale", "translation"]):
        raise refused(files.root, "TRANSFORMATION", field, kinds, "a scale, perhaps a translation after it")
    scale = np.array(transformations[0].scale or [], dtype=np.float64)
    translation = np.zeros(axes)
    if len(kinds) > 1:
        translation = np.array(transformations[1].translation or [], dtype=np.float64)
    if scale.shape != (axes,) or translation.shape != (axes,):
        found = f"{scale.size} and {translation.size} numbers"
        raise refused(files.root, "TRANSFORMATION", field, found, f"{axes} for each, one an axis")
    if scale.min() <= 0:
        raise refused(files.root, "SCALE", field, scale.tolist(), "numbers above 0")
    return scale, translation


def _check_levels(files: StoreFiles, arrays: list[ArrayLayout], scales: list[NDArray[np.float64]]) -> None:
    """Refuse a pyramid whose levels are not coarser copies of the first, as far as sizes and types tell."""
    if len({array.folder for array in arrays}) < len(arrays):
        raise refused(files.root, "LEVELS", "datasets", "a level twice", "each level once")
    for finer, coarser in pairwise(arrays):
        if coarser.dtype != finer.dtype:
            found = f"{coarser.dtype} after {finer.dtype}"
            raise refused(files.root, "LEVELS", coarser.folder, found, "levels of one type")
        if any(n > before for n, before in zip(coarser.shape, finer.shape, strict=True)):
            found = f"{coarser.shape} after {finer.shape}"
            raise refused(files.root, "LEVELS", coarser.folder, found, "levels that do not grow")
    for array, scale in zip(arrays, scales, strict=True):
        expected = np.array(arrays[0].shape[-3:]) * (scales[0] / scale)[-3:]
        if np.abs(np.array(array.shape[-3:]) - expected).max() > 1:
            sizes = [round(size, 1) for size in expected.tolist()]
            raise refused(files.root, "LEVELS", array.folder, array.shape[-3:], f"{sizes}, by its scale")


def _units(
    files: StoreFiles, multiscale: Multiscale, told: Volume, repairs: list[Repair]
) -> NDArray[np.float64]:
    """Millimetres in the units of z, y, x."""
    units = [axis.unit for axis in multiscale.axes[-3:]]
    if units == [None] * 3 and told.unit:
        repairs.append(Repair("OMEZARR-UNIT", "axes: unit", "nothing", f"{told.unit}, as told"))
        return np.full(3, MILLIMETRES[told.unit])
    try:
        return np.array([MILLIMETRES[unit or ""] for unit in units])
    except KeyError as fault:
        fix = "correct it; where there is none, name the unit in an acquisition file"
        raise refused(files.root, "UNIT", "axes: unit", units, f"of {', '.join(MILLIMETRES)}", fix) from fault


def _orientation(files: StoreFiles, multiscale: Multiscale, told: Volume, repairs: list[Repair]) -> str:
    given = [axis.orientation.value if axis.orientation else None for axis in multiscale.axes[-3:]]
    if given == [None] * 3 and told.orientation:
        repairs.append(
            Repair("OMEZARR-ORIENTATION", "axes: orientation", "nothing", f"{told.orientation}, as told")
        )
        letters = told.orientation
    else:
        letters = "".join(LETTERS.get(name or "", "?") for name in given)
    pairs = {frozenset(pair) for pair in ("LR", "PA", "IS")}
    if letters != "own" and {pair for pair in pairs if pair & set(letters)} != pairs:
        fix = "name it in an acquisition file, as in orientation: SAR"
        expected = "one direction of each pair, as in RFC-4"
        raise refused(files.root, "ORIENTATION", "axes: orientation", given, expected, fix)
    return letters


def _time_step(
    files: StoreFiles, multiscale: Multiscale, axes: str, array: ArrayLayout, step: float
) -> float | None:
    """Seconds between volumes; more than one channel is refused."""
    if "c" in axes and array.shape[axes.index("c")] > 1:
        found, fix = f"{array.shape[axes.index('c')]} channels", "write each channel to a store"
        raise refused(files.root, "CHANNELS", "axes", found, "one number a voxel", fix)
    if "t" not in axes or array.shape[0] == 1:
        return None
    unit = multiscale.axes[0].unit
    if unit not in SECONDS:
        raise refused(files.root, "UNIT", "axes: unit of t", unit, f"one of {', '.join(SECONDS)}")
    return step * SECONDS[unit]
