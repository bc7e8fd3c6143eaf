"""Images and labels as napari's layer data: arrays, how to show them, and where."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, cast

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from medscience.description import Label
from medscience.image import Image
from napari_medscience.placement import UPRIGHT, placement

LayerData = tuple[Any, dict[str, Any], str]
"""An array or a pyramid of them, the layer's arguments, and its type."""

MOST_VOXELS_IN_3D = 2**22
"""napari's 3D view shows the coarsest level: it gets the finest with no more voxels than this."""

QUANTILES = (0.005, 0.995)
"""Parts of the voxels that are shown black and not white."""

UNNAMED = (1.0, 0.0, 1.0, 1.0)
"""Magenta: a label that the model does not name is seen, not hidden."""


def image_layer(name: str, levels: Sequence[Image], limits: tuple[float, float] | None = None) -> LayerData:
    """Return a grey image, its contrast chosen on the coarsest level.

    Parameters
    ----------
    name : str
        The layer's name.
    levels : sequence of Image
        The image (…, Z, Y, X) and its coarser copies. Only the last is read, at the middle of the axes
        before z.
    limits : tuple of float, optional
        What is black and what is white; chosen from the coarsest level unless given, which then is not read.
    """
    how = {"contrast_limits": limits or contrast(levels[-1]), "colormap": "gray"}
    return _layer(name, levels, how, "image")


def labels_layer(name: str, levels: Sequence[Image], labels: Sequence[Label]) -> LayerData:
    """Return labels with their names and colours; nothing is read.

    The status bar shows the name of the label under the cursor. Background is transparent. Without names,
    colours are napari's.

    Parameters
    ----------
    name : str
        The layer's name.
    levels : sequence of Image
        The labels (…, Z, Y, X) and their coarser copies.
    labels : sequence of Label
        What the numbers stand for; may be empty.
    """
    how: dict[str, Any] = {"opacity": 0.5}
    if labels:
        how["colormap"] = DirectLabelColormap(color_dict=colours(labels))
        how["features"] = {
            "index": [label.value for label in labels],
            "name": [label.name for label in labels],
        }
    return _layer(name, levels, how, "labels")


def colours(labels: Sequence[Label]) -> dict[int | None, Any]:
    """Return red, green, blue and opacity of every label, each in [0, 1]; None stands for all others."""
    found: dict[int | None, Any] = {
        label.value: (*(part / 255 for part in label.color), 1.0) for label in labels
    }
    return found | {0: (0.0, 0.0, 0.0, 0.0), None: UNNAMED}


def contrast(image: Image) -> tuple[float, float]:
    """Return the limits between which an image is shown, from its middle volume."""
    middle = (slice(n // 2, n // 2 + 1) for n in image.shape[:-3])
    values = image.read((*middle, *(slice(None),) * 3))
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.quantile(values.astype(np.float64), QUANTILES).tolist()
    return low, high if high > low else low + 1


def shown_levels(levels: Sequence[Image]) -> Sequence[Image]:
    """Return the levels down to the one for the 3D view."""
    small = (n for n, level in enumerate(levels) if prod(level.geometry.shape) <= MOST_VOXELS_IN_3D)
    return levels[: next(small, len(levels) - 1) + 1]


def _layer(name: str, levels: Sequence[Image], how: dict[str, Any], kind: str) -> LayerData:
    """Turn the arrays upright, without copying them, and put them into the world."""
    geometry = levels[0].geometry
    turn = geometry.reorientation(UPRIGHT)
    arrays = [turn.apply(cast(Any, level.data)) for level in shown_levels(levels)]
    place = placement(replace(levels[0].meaning, geometry=geometry.reoriented(turn)))
    multiscale = len(arrays) > 1
    data = arrays if multiscale else arrays[0]
    return data, {"name": name, "multiscale": multiscale, **how, **place}, kind
