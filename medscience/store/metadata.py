"""Our metadata and OME-NGFF 0.5's, side by side in a store's attributes.

Ours, under ``medscience``, holds the full affine and is the truth. NGFF's scale, translation and RFC-4
orientation say as much of it as they can to other readers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from medscience.description import Label
from medscience.errors import StoreError
from medscience.geometry import Geometry, Triple, as_affine
from medscience.image import Meaning
from medscience.store.grid import COARSEST, FRAME, level_factors

NGFF_VERSION = "0.5"
FORMAT = 1

ORIENTATIONS = {
    "L": "right-to-left",
    "R": "left-to-right",
    "P": "anterior-to-posterior",
    "A": "posterior-to-anterior",
    "I": "superior-to-inferior",
    "S": "inferior-to-superior",
}
"""RFC-4's name for an axis that runs towards the letter's side."""

AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


@dataclass(frozen=True, slots=True)
class LabelMeaning:
    """What the numbers of a label store stand for, and which image they belong to."""

    labels: tuple[Label, ...]
    image_name: str
    image_digest: str
    """Digest of the image's store: labels are never shown on, or measured with, another image."""
    model: str | None = None
    caution: str | None = None
    """What a reader of these labels must know."""


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a store's attributes say."""

    meaning: Meaning
    labels: LabelMeaning | None
    is_labels: bool
    source: dict[str, Any]
    """Facts about the source that an exporter needs, such as NIfTI's form codes; no names or dates."""
    levels: tuple[tuple[int, int, int], ...]
    """How much coarser each pyramid level is, along (z, y, x); the first is the image itself."""

    @classmethod
    def of(
        cls,
        meaning: Meaning,
        *,
        labels: LabelMeaning | None = None,
        is_labels: bool = False,
        source: dict[str, Any] | None = None,
    ) -> "Content":
        """Return the content of a new store, with the pyramid that suits its grid."""
        geometry = meaning.geometry
        frames = "t" in meaning.axes and geometry.shape[0] == 1
        levels = level_factors(geometry.shape, geometry.spacing, FRAME if frames else COARSEST)
        return cls(meaning, labels, is_labels or labels is not None, source or {}, tuple(levels))


def write_attributes(content: Content, shape: tuple[int, ...], name: str) -> dict[str, Any]:
    """Return the attributes of a store's root group.

    Parameters
    ----------
    content : Content
        What the voxels mean.
    shape : tuple of int
        Sizes along all axes at full resolution.
    name : str
        The store's name.
    """
    meaning = content.meaning
    return {
        "ome": {
            "version": NGFF_VERSION,
            "multiscales": [
                {
                    "name": name,
                    "axes": [_axis(axis, meaning) for axis in meaning.axes],
                    "datasets": [_dataset(n, f, meaning) for n, f in enumerate(content.levels)],
                    "type": "majority" if content.is_labels else "mean",
                }
            ],
        }
        | ({"image-label": _image_label(content.labels)} if content.labels else {}),
        "medscience": {
            "format": FORMAT,
            "axes": meaning.axes,
            "shape": list(shape),
            "affine_zyx_to_ras_mm": [list(row) for row in meaning.geometry.affine],
            "value_unit": meaning.value_unit,
            "time_step_s": meaning.time_step,
            "skipped_times": [list(pair) for pair in meaning.skipped],
            "space": meaning.space,
            "is_labels": content.is_labels,
            "labels": _own_labels(content.labels),
            "source": content.source,
            "levels": [list(factors) for factors in content.levels],
        },
    }


def read_attributes(attributes: dict[str, Any], store: object) -> Content:
    """Return what a store's attributes say; the inverse of `write_attributes`.

    Raises
    ------
    StoreError
        If the store was not written by us, or by a version that this one does not know.
    """
    own = attributes.get("medscience", {})
    if own.get("format") != FORMAT:
        raise StoreError(
            "STORE-FORMAT",
            file=str(store),
            field="medscience.format",
            found=own.get("format"),
            expected=FORMAT,
            fix="ingest it, or read it with the version of medscience that wrote it",
        )
    z, y, x = own["shape"][-3:]
    labels = own["labels"]
    return Content(
        Meaning(
            Geometry((z, y, x), as_affine(own["affine_zyx_to_ras_mm"])),
            own["axes"],
            own["value_unit"],
            own["time_step_s"],
            own.get("space", "patient"),
            tuple((index, missing) for index, missing in own.get("skipped_times", ())),
        ),
        labels
        and LabelMeaning(
            tuple(Label.model_validate(label) for label in labels["labels"]),
            labels["image_name"],
            labels["image_digest"],
            labels["model"],
            labels["caution"],
        ),
        own["is_labels"],
        own["source"],
        tuple((z, y, x) for z, y, x in own["levels"]),
    )


def _axis(axis: str, meaning: Meaning) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": axis, "type": AXIS_TYPES[axis]}
    if axis == "t" and meaning.time_step is not None:
        entry["unit"] = "second"
    if axis in "zyx" and meaning.space != "pixels":
        entry["unit"] = "millimeter"
    if axis in "zyx" and meaning.space == "patient":
        letter = meaning.geometry.orientation["zyx".index(axis)]
        entry["orientation"] = {"type": "anatomical", "value": ORIENTATIONS[letter]}
    return entry


def _dataset(level: int, factors: tuple[int, int, int], meaning: Meaning) -> dict[str, Any]:
    """Scale and translation of a level; a coarse voxel's centre lies between those that it covers."""
    spacing, first = meaning.geometry.spacing, _along_own_axes(meaning.geometry)
    scale = [s * f for s, f in zip(spacing, factors, strict=True)]
    shift = [p + s * (f - 1) / 2 for p, s, f in zip(first, spacing, factors, strict=True)]
    lead = [(meaning.time_step or 1.0) if axis == "t" else 1.0 for axis in meaning.axes[:-3]]
    return {
        "path": str(level),
        "coordinateTransformations": [
            {"type": "scale", "scale": [*lead, *scale]},
            {"type": "translation", "translation": [*(0.0 for _ in lead), *shift]},
        ],
    }


def _along_own_axes(geometry: Geometry) -> Triple:
    """World position of the first voxel, measured along the directions of the axes z, y, x."""
    z, y, x = (np.asarray(geometry.origin) @ geometry.directions).tolist()
    return (z, y, x)


def _image_label(labels: LabelMeaning) -> dict[str, Any]:
    return {
        "version": NGFF_VERSION,
        "colors": [
            {"label-value": label.value, "rgba": [*label.color, 0 if label.value == 0 else 255]}
            for label in labels.labels
        ],
        "properties": [{"label-value": label.value, "name": label.name} for label in labels.labels],
        "source": {"image": labels.image_name},
    }


def _own_labels(labels: LabelMeaning | None) -> dict[str, Any] | None:
    if labels is None:
        return None
    return {
        "labels": [label.model_dump(mode="json") for label in labels.labels],
        "image_name": labels.image_name,
        "image_digest": labels.image_digest,
        "model": labels.model,
        "caution": labels.caution,
    }
