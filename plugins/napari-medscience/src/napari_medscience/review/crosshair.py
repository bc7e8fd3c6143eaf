"""Lines through a place, in every slice that holds it, and the place in millimetres."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from medscience.geometry import Triple

NAME = "crosshair"
COLOUR = "#ffd166"
GAP = 6.0
"""Millimetres around the place that stay free, so that it can be seen."""

ENDS = (("R", "L"), ("A", "P"), ("S", "I"))
"""Letters of the positive and the negative end of x, y and z."""


def crosshair(place: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return the six lines (2, 3) from the sides of a box to a gap around a place (z, y, x).

    >>> [len(line) for line in crosshair((5, 5, 5), (0, 0, 0), (20, 20, 3))]
    [2]
    """
    lines = []
    for axis in range(3):
        for side, away in ((low[axis], -GAP), (high[axis], GAP)):
            if (side - place[axis] - away) * away > 0:
                line = np.array([place, place], dtype=np.float64)
                line[:, axis] = side, place[axis] + away
                lines.append(line)
    return lines


def crosshair_layer(lines: Sequence[NDArray[np.float64]], width: float) -> Shapes:
    """Return a layer with such lines, `width` millimetres wide."""
    return Shapes(
        lines,
        shape_type="line",
        name=NAME,
        edge_color=COLOUR,
        edge_width=width,
        opacity=0.8,
        ndim=3,
        axis_labels=("z", "y", "x"),
        units=("mm", "mm", "mm"),
    )


def redraw(layer: Shapes, lines: Sequence[NDArray[np.float64]]) -> None:
    """Put other lines into a layer of `crosshair_layer`."""
    width = layer.edge_width[0] if layer.edge_width else layer.current_edge_width
    layer.selected_data = set(range(layer.nshapes))
    layer.remove_selected()
    layer.add_lines(lines, edge_color=COLOUR, edge_width=width)
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
    """Bring a place (z, y, x) into view: its slices, and the middle of the canvas."""
    lead = viewer.dims.ndim - 3
    for axis, value in enumerate(place, start=lead):
        viewer.dims.set_point(axis, value)
    centre = [place[axis - lead] for axis in viewer.dims.displayed if axis >= lead]
    viewer.scene.camera.center = (0.0, *centre)[-3:]
