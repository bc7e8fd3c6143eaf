"""napari's door out: layers become committed stores, in the axis order of the store that they came from."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray

from medscience.errors import InputError, MedscienceError
from medscience.geometry import Geometry, Reorientation, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from napari_medscience.edit.labels import EditableLabels
from napari_medscience.placement import placement
from napari_medscience.shown import KEY, ShownStore

STAY = Reorientation((0, 1, 2), (False, False, False))


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:  # noqa: ANN401 - napari's
    """Write a layer of labels as a store, names and colours included if it came with them.

    Parameters
    ----------
    path : str
        ``NAME.ome.zarr``.
    data : array or list of arrays
        (…, Z, Y, X); of a pyramid the finest level.
    attributes : dict
        What napari knows of the layer.

    Raises
    ------
    MedscienceError
        If the layer does not lie in millimetres, was moved or resampled, or the store exists.
    """
    return _write(path, data, attributes, is_labels=True)


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:  # noqa: ANN401 - napari's
    """Write an image layer as a store; as `write_labels`."""
    return _write(path, data, attributes, is_labels=False)


def _write(path: str, data: Any, attributes: dict[str, Any], *, is_labels: bool) -> list[str]:  # noqa: ANN401
    finest = data[0] if attributes.get("multiscale") else data
    array = cast("NDArray[Any] | EditableLabels", finest)
    try:
        content, turn = _meaning(array, attributes, is_labels=is_labels)
        _save(Path(path), array, content, turn.inverse)
    except MedscienceError as fault:
        show_error(fault.line)
        raise
    return [path]


def _save(path: Path, array: Any, content: Content, back: Reorientation) -> None:  # noqa: ANN401
    dtype = np.dtype(array.dtype)
    lead = tuple(array.shape[:-3])
    shape = (*lead, *content.meaning.geometry.shape)
    digest = hashlib.sha256(f"{shape} {dtype}".encode())
    for volume in regions(lead, (1,) * len(lead)):
        digest.update(np.ascontiguousarray(np.asarray(array[(*volume, ...)])).data)
    provenance = Provenance("napari", {}, {"layer": digest.hexdigest()})
    with staged(path, provenance) as staging:
        writer = ImageWriter(staging, content, shape, dtype)
        for region in regions(shape, writer.shards):
            writer.write(region, _region(array, region, back))
        writer.finish()


def _region(array: Any, region: tuple[slice, ...], back: Reorientation) -> NDArray[Any]:  # noqa: ANN401
    """Return a region of the stored array from the layer's array."""
    lead, stored = region[:-3], region[-3:]
    there: list[slice] = [slice(None)] * 3
    for new, (old, flip) in enumerate(zip(back.order, back.flips, strict=True)):
        start, stop, n = stored[new].start, stored[new].stop, array.shape[len(lead) + old]
        there[old] = slice(n - stop, n - start) if flip else slice(start, stop)
    return np.asarray(back.apply(np.asarray(array[(*lead, *there)])))


def _meaning(
    array: Any,  # noqa: ANN401
    attributes: dict[str, Any],
    *,
    is_labels: bool,
) -> tuple[Content, Reorientation]:
    """Return what the store will say, and how its array was turned to become the layer's."""
    shown = attributes.get("metadata", {}).get(KEY)
    if isinstance(shown, ShownStore):
        return _of_store(shown, array, attributes, is_labels=is_labels)
    if array.ndim < 3 or attributes.get("rgb"):
        raise _refused(
            f"{array.ndim} axes", "a volume, perhaps with time: axes (t,) z, y, x", "save it elsewhere"
        )
    if {str(unit) for unit in attributes["units"][-3:]} != {"millimeter"}:
        raise _refused("units that are not mm", "a place in millimetres", "set the layer's units and scale")
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0, 3], [0, 1, 2, 3]] = (*attributes["scale"][-3:], 1.0)
    matrix[:3, 3] = attributes["translate"][-3:][::-1]
    affine = np.asarray(attributes.get("affine", np.eye(4)))
    if not np.allclose(affine, np.eye(len(affine))) or not _is_straight(attributes):
        raise _refused("a layer that is turned or sheared", "one along the world's axes", "undo that")
    sizes = (int(array.shape[-3]), int(array.shape[-2]), int(array.shape[-1]))
    axes = "zyx" if array.ndim == 3 else "tzyx"
    meaning = Meaning(Geometry(sizes, as_affine(matrix)), axes)
    return Content.of(meaning, is_labels=is_labels), STAY


def _of_store(
    shown: ShownStore,
    array: Any,  # noqa: ANN401
    attributes: dict[str, Any],
    *,
    is_labels: bool,
) -> tuple[Content, Reorientation]:
    if shown.resampled:
        raise _refused(
            "an oblique store on an upright grid",
            "voxels as they are stored",
            "add them by Layers > Transform > Stored voxels, and save these",
        )
    stored = open_image(shown.path)
    meaning = stored.image.meaning
    if len(meaning.axes) != array.ndim:  # labels of one volume that lie on all times
        meaning = replace(meaning, axes=meaning.axes[-array.ndim :], time_step=None, skipped=())
    place = placement(replace(meaning, geometry=shown.geometry.reoriented(shown.turn)))
    moved = any(
        not np.allclose(attributes[key], place[key]) for key in ("scale", "translate") if key in place
    )
    if moved:
        raise _refused("a layer that was moved", "one that lies where it was opened", "undo that")
    labels = stored.content.labels if is_labels else None
    return Content.of(meaning, labels=labels, is_labels=is_labels, source=stored.content.source), shown.turn


def _is_straight(attributes: dict[str, Any]) -> bool:
    rotate, shear = np.asarray(attributes.get("rotate", 0)), np.asarray(attributes.get("shear", 0))
    straight = np.allclose(rotate, np.eye(len(rotate))) if rotate.ndim == 2 else np.allclose(rotate, 0)
    skew = shear - np.eye(len(shear)) if shear.ndim == 2 else shear
    return bool(straight and np.allclose(skew, 0))


def _refused(found: str, expected: str, fix: str) -> InputError:
    return InputError("NAPARI-WRITE", field="layer", found=found, expected=expected, fix=fix)
