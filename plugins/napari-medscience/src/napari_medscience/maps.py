"""Maps of how sure a network is, shown over its labels."""

from typing import Any

from medscience.image import Image
from napari_medscience.layers import LayerData, image_layer

LOOK: dict[str, Any] = {
    "colormap": "inferno",
    "blending": "additive",
    "visible": False,
}
"""Hidden until it is wanted."""


def map_layer(name: str, image: Image) -> LayerData:
    """Return the hidden layer of a map, uint8 from 0 to 255 for 1; nothing is read."""
    data, how, kind = image_layer(name, [image], limits=(0.0, 255.0))
    return data, {**how, **LOOK}, kind
