"""Lines through a place, in every slice that holds it, and the place in millimetres."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from medscience.geometry import Triple

NAME = "crosshair"
COLOUR = "#ffd166"
WIDTH = 0.5
"""Of the lines, in voxels."""
GAP = 5
"""Voxels around the place that stay free, so that it can be seen."""

ENDS = (("R", "L"), ("A", "P"), ("S", "I"))
"""Letters of the positive and the negative end of x, y and z."""


def crosshair(voxel: Sequence[int], shape: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return the lines (2, 3) from the sides of a volume to a gap around a voxel (z, y, x), in indices.

    >>> [line.tolist() for line in crosshair((1, 1, 9), (3, 3, 20))]
    [[[1.0, 1.0, 0.0], [1.0, 1.0, 4.0]], [[1.0, 1.0, 19.0], [1.0, 1.0, 14.0]]]
    """
    lines = []
    for axis in range(3):
        for side, away in ((0, -GAP), (shape[axis] - 1, GAP)):
            if (side - voxel[axis] - away) * away > 0:
                line = np.array([voxel, voxel], dtype=np.float64)
                line[:, axis] = side, voxel[axis] + away
                lines.append(line)
    return lines


def crosshair_layer(lines: Sequence[NDArray[np.float64]], place: dict[str, Any]) -> Shapes:
    """Return a layer with such lines, which lies where the image does."""
    return Shapes(
        lines,
        shape_type="line",
        name=NAME,
        edge_color=COLOUR,
        edge_width=WIDTH,
        opacity=0.8,
        ndim=3,
        **place,
    )


def redraw(layer: Shapes, lines: Sequence[NDArray[np.float64]]) -> None:
    """Put other lines into a layer of `crosshair_layer`."""
    layer.selected_data = set(range(layer.nshapes))
    layer.remove_selected()
    layer.add_lines(lines, edge_color=COLOUR, edge_width=WIDTH)
    layer.selected_data = set()


def read_place(text: str) -> Triple | None:
    """Return three numbers as people write them, separated by blanks, commas or semicolons; else None.

    >>> read_place("12.5, -3 40"), read_place("here")
    ((12.5, -3.0, 40.0), None)
    """
    try:
        x, y, z = map(float, text.replace(",", " ").replace(";", " ").split())
    except ValueError:
        return None
    return (x, y, z) if np.isfinite((x, y, z)).all() else None


def spoken(world: Triple) -> str:
    """Return a place for people.

    >>> spoken((12.34, -3.0, 40.0))
    'R 12.3  P 3.0  S 40.0 mm'
    """
    parts = (f"{ends[value < 0]} {abs(value):.1f}" for ends, value in zip(ENDS, world, strict=True))
    return "  ".join(parts) + " mm"


def move(viewer: Any, place: Sequence[float]) -> None:  # noqa: ANN401 - napari is untyped
    """Bring the slices of a place (z, y, x) into view."""
    for axis, value in enumerate(place, start=viewer.dims.ndim - 3):
        viewer.dims.set_point(axis, value)


def centre(viewer: Any, place: Sequence[float]) -> None:  # noqa: ANN401 - napari is untyped
    """Bring a place (z, y, x) to the middle of the canvas."""
    lead = viewer.dims.ndim - 3
    shown = [place[axis - lead] for axis in viewer.dims.displayed if axis >= lead]
    viewer.scene.camera.center = (0.0, *shown)[-3:]
