"""What a layer knows about the store that it shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medscience.geometry import Geometry, Reorientation
from medscience.store.images import StoredImage
from medscience.store.metadata import LabelMeaning
from napari_medscience.placement import UPRIGHT

KEY = "medscience"
"""Where a layer's metadata hold it."""


@dataclass(frozen=True, slots=True)
class ShownStore:
    """The store behind a layer."""

    path: Path
    digest: str
    """Of the commit."""
    geometry: Geometry
    """The stored grid."""
    turn: Reorientation
    """Turns the stored array to napari's axes; the inverse turns what is drawn on the layer back."""
    resampled: bool
    """Whether the layer's voxels are not the stored ones but interpolated between them."""
    labels: LabelMeaning | None
    """What the numbers stand for, and which image they belong to."""

    @classmethod
    def of(cls, stored: StoredImage, *, resampled: bool = False) -> "ShownStore":
        """Return what a layer of a store knows."""
        geometry = stored.image.geometry
        turn = geometry.reorientation(UPRIGHT)
        return cls(stored.path, stored.commit.digest, geometry, turn, resampled, stored.content.labels)


def shown_stores(layers: Iterable[Any]) -> list[ShownStore]:
    """Return the stores behind layers, other layers left out."""
    found = [layer.metadata.get(KEY) for layer in layers]
    return [shown for shown in found if isinstance(shown, ShownStore)]


def strangers(shown: Sequence[ShownStore]) -> list[tuple[ShownStore, ShownStore]]:
    """Return labels and the image of the right name that they were not made from.

    Labels are at home where any store has the digest that they name.
    """
    digests = {store.digest for store in shown}
    return [
        (one, other)
        for one in shown
        for other in shown
        if one.labels and other.labels is None and one.labels.image_name == other.path.name
        if one.labels.image_digest not in digests
    ]
