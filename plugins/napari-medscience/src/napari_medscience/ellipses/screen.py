"""A recording in napari's window: a frame with its ellipses, the frame before and the one after beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer, Shapes

from medscience.antinode import Antinode
from medscience.store.images import StoredImage
from napari_medscience.ellipses.corners import corners_of
from napari_medscience.layers import image_layer
from napari_medscience.lazy import lazy

APART = 1.04
"""From one frame to the next beside it, in widths."""

COLOUR = "#ffd166"
FAINT = "#8d99ae"


@dataclass(frozen=True, slots=True)
class FrameScreen:
    """The layers of a recording."""

    image: ImageLayer
    labels: Shapes
    """The ellipses, which can be moved, pulled, turned, drawn and deleted."""
    beside: tuple[Layer, ...]
    """The frames before and after, and their ellipses."""

    @property
    def layers(self) -> list[Layer]:
        """All of them."""
        return [self.image, self.labels, *self.beside]


def show_frames(viewer: Any, stored: StoredImage) -> FrameScreen:  # noqa: ANN401 - napari is untyped
    """Add a recording's layers; the ellipses are active."""
    data, how, _ = image_layer(stored.name, [lazy(stored.image, f"{stored.commit.digest}-0")])
    image = viewer.add_layer(ImageLayer(data, **how))
    beside = [
        viewer.add_layer(
            ImageLayer(
                _shifted(data, by), **{**how, **_moved(how, by, data.shape), "name": name, "opacity": 0.6}
            )
        )
        for by, name in ((-1, "frame before"), (1, "frame after"))
    ]
    outlines = []
    for by in (-1, 1):
        layer = _shapes(
            _moved(how, by, data.shape)["translate"], how, f"ellipses {'before' if by < 0 else 'after'}"
        )
        layer.editable = False
        outlines.append(viewer.add_layer(layer))
    ellipses = viewer.add_layer(_shapes(how["translate"], how, "ellipses"))
    viewer.layers.selection.active = ellipses
    return FrameScreen(image, ellipses, (*beside, *outlines))


def draw(layer: Shapes, antinodes: Sequence[Antinode], colour: str = COLOUR) -> None:
    """Show these ellipses with their counts, and no others."""
    with layer.events.data.blocker():
        layer.selected_data = set(range(layer.nshapes))
        layer.remove_selected()
        if antinodes:
            layer.add_ellipses(
                [corners_of(one.ellipse) for one in antinodes],
                edge_color=colour,
                face_color="transparent",
                edge_width=1.5,
            )
        layer.features = {
            "rings": [one.rings for one in antinodes],
            "score": [one.score for one in antinodes],
        }
        layer.selected_data = set()
    layer.refresh_text()


def _shifted(data: Any, by: int) -> Any:  # noqa: ANN401 - dask's
    """Return frames moved by one; the first and the last have no neighbour: black."""
    none = da.zeros_like(data[:1])  # type: ignore[no-untyped-call]
    parts = [none, data[:-1]] if by < 0 else [data[1:], none]
    return da.concatenate(parts)  # type: ignore[no-untyped-call]


def _moved(how: dict[str, Any], by: int, shape: tuple[int, ...]) -> dict[str, Any]:
    *others, x = how["translate"]
    return {"translate": [*others, x + by * APART * shape[-1] * how["scale"][-1]]}


def _shapes(translate: Sequence[float], how: dict[str, Any], name: str) -> Shapes:
    layer = Shapes(
        ndim=2,
        name=name,
        scale=how["scale"][-2:],
        translate=translate[-2:],
        axis_labels=how["axis_labels"][-2:],
        units=how["units"][-2:],
        edge_color=COLOUR,
        face_color="transparent",
        edge_width=1.5,
        features={"rings": np.zeros(0), "score": np.zeros(0)},
        text={"string": "{rings:.1f}", "color": COLOUR, "size": 13, "anchor": "upper_left"},
    )
    layer.feature_defaults["rings"] = 1.0
    layer.feature_defaults["score"] = 1.0
    layer.current_edge_color = COLOUR
    layer.current_face_color = "transparent"
    layer.current_edge_width = 1.5
    return layer
