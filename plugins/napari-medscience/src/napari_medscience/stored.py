"""The layer of a committed store."""

from medscience.image import Image
from medscience.store.images import StoredImage
from napari_medscience.layers import LayerData, image_layer, labels_layer
from napari_medscience.lazy import lazy
from napari_medscience.maps import map_layer
from napari_medscience.placement import tilt
from napari_medscience.shown import KEY, ShownStore
from napari_medscience.upright import sliceable


def layer_of(stored: StoredImage) -> LayerData:
    """Return the layer that shows a store rightly in slices and in 3D.

    napari's slices leave out the tilt of an oblique grid, so such a store is shown on an upright grid.
    """
    resampled = tilt(stored.image.geometry) is not None
    levels = sliceable(stored.levels, stored.commit.digest, is_labels=stored.content.is_labels)
    name = layer_name(stored) + (" · upright" if resampled else "")
    return _layer(stored, levels, name, resampled=resampled)


def maps_of(stored: StoredImage) -> list[LayerData]:
    """Return a hidden layer for each map that was kept beside labels, such as their confidence."""
    name = layer_name(stored)
    return [
        map_layer(
            f"{name} · {kind}",
            sliceable([image], f"{stored.commit.digest}-{kind}", is_labels=False)[0],
        )
        for kind, image in stored.maps.items()
    ]


def stored_voxels(stored: StoredImage) -> LayerData:
    """Return a layer with the voxels as they are stored, oblique or not."""
    levels = [lazy(level, f"{stored.commit.digest}-{n}") for n, level in enumerate(stored.levels)]
    return _layer(stored, levels, layer_name(stored), resampled=False)


def layer_name(stored: StoredImage) -> str:
    """Return the sample, for labels with the model, and with the step unless that is the last."""
    labels = stored.content.labels
    parts = [stored.name]
    if labels and labels.model:
        parts.append(labels.model)
    elif stored.content.is_labels:
        parts.append("labels")
    if stored.commit.provenance.step == "predict":
        parts.append("prediction")
    return " · ".join(parts)


def _layer(stored: StoredImage, levels: list[Image], name: str, *, resampled: bool) -> LayerData:
    if stored.content.is_labels:
        labels = stored.content.labels
        data, how, kind = labels_layer(name, levels, labels.labels if labels else ())
    else:
        data, how, kind = image_layer(name, levels)
    return data, {**how, "metadata": {KEY: ShownStore.of(stored, resampled=resampled)}}, kind
