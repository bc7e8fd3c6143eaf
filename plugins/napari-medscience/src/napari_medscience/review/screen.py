"""A case's layers in napari's window."""

from dataclasses import dataclass, replace
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.colormaps import DirectLabelColormap

from medscience.description import Label
from medscience.review.unseen import unseen_value
from napari_medscience.camera import face_the_patient
from napari_medscience.edit.layer import CorrectedLabels
from napari_medscience.layers import colours, image_layer
from napari_medscience.lazy import lazy
from napari_medscience.maps import map_layer
from napari_medscience.review.case import Case, levelled_levels
from napari_medscience.review.greys import CT, is_ct
from napari_medscience.shown import KEY, ShownStore

UNSEEN = (0.5, 0.5, 0.5, 0.35)
"""Colour of what nobody looked at."""

OPACITY = 0.45


@dataclass(frozen=True, slots=True)
class Screen:
    """The layers of the case that is shown."""

    image: ImageLayer
    labels: CorrectedLabels
    confidence: ImageLayer | None
    """The network's, hidden, if it was kept."""

    @property
    def layers(self) -> list[Layer]:
        """All of them."""
        return [layer for layer in (self.image, self.confidence, self.labels) if layer is not None]


def show(viewer: Any, case: Case) -> Screen:  # noqa: ANN401 - napari is untyped
    """Add a case's layers above what is there; the labels are active, so that keys and tools are theirs."""
    if case.image.image.meaning.space == "patient":
        face_the_patient(viewer)
    levels = levelled_levels(case.image)
    digest = case.image.commit.digest
    data, how, _ = image_layer(case.sample, [lazy(level, f"{digest}-{n}") for n, level in enumerate(levels)])
    if is_ct(case.image.image.meaning):
        how["contrast_limits"] = CT[0].limits
    image = viewer.add_layer(ImageLayer(data, **how))
    confidence = _confidence(case)
    if confidence is not None:
        viewer.add_layer(confidence)
    labels = viewer.add_layer(CorrectedLabels(case.editable, **_look(case), **_place(how, case)))
    viewer.layers.selection.active = labels
    return Screen(image, labels, confidence)


def names(case: Case) -> tuple[Label, ...]:
    """Return what a case's numbers stand for, background left out."""
    meaning = case.labels.content.labels
    return tuple(label for label in meaning.labels if label.value) if meaning else ()


def _confidence(case: Case) -> ImageLayer | None:
    kept = case.confidence
    if kept is None:
        return None
    shown = replace(kept, meaning=levelled_levels(case.labels)[0].meaning)
    data, how, _ = map_layer(f"{case.sample} · confidence", lazy(shown, f"{case.shown.labels}-confidence"))
    return ImageLayer(data, **how)


def _look(case: Case) -> dict[str, Any]:
    known = names(case)
    table = colours(known) | {unseen_value(case.editable.dtype): UNSEEN}
    return {
        "name": f"{case.sample} · labels",
        "metadata": {KEY: ShownStore.of(case.labels)},
        "opacity": OPACITY,
        "colormap": DirectLabelColormap(color_dict=table),
        "features": {
            "index": [0, *(label.value for label in known)],
            "name": ["background", *(label.name for label in known)],
        },
    }


def _place(how: dict[str, Any], case: Case) -> dict[str, Any]:
    """Labels lie where the image does; those of a single volume lie on all times."""
    axes = case.editable.ndim
    return {key: how[key][-axes:] for key in ("axis_labels", "units", "scale", "translate")}
