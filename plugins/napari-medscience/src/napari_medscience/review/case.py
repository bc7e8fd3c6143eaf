"""A sample on the screen: its image, and labels that may be changed."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medscience.errors import MismatchError
from medscience.geometry import Geometry, Triple, as_affine
from medscience.image import Image
from medscience.review.drafts import Draft, find_drafts, open_draft, set_aside
from medscience.review.ledger import Ledger
from medscience.review.verdict import Shown
from medscience.store.images import StoredImage, open_image
from napari_medscience.edit.chunks import LabelChunks
from napari_medscience.edit.labels import EditableLabels
from napari_medscience.placement import UPRIGHT, is_upright
from napari_medscience.review.run import Run


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who looks."""

    name: str
    blind: bool = False
    """A second reader, who sees nobody else's verdicts and corrections before the own verdict."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is open of a sample. Arrays are turned to napari's axes, and lie there without their tilt."""

    model: str
    sample: str
    image: StoredImage
    labels: StoredImage
    """The model's, or the newest correction of them that was accepted."""
    draft: Draft | None
    """Where edits go; None where nothing may be written, and it can only be looked at."""
    editable: EditableLabels
    resumed: int
    """How many chunks of an earlier sitting's edits were found."""
    notice: str
    """What the reviewer should know; empty if nothing."""
    shown: Shown
    confidence: Image | None = None
    """The network's map of it, if one was kept beside its labels."""

    @property
    def grid(self) -> Geometry:
        """The image's grid, turned to napari's axes."""
        geometry = self.image.image.geometry
        return geometry.reoriented(geometry.reorientation(UPRIGHT))

    def where(self, world: Triple) -> tuple[float, ...]:
        """Return the place (z, y, x) on the screen of a place (x, y, z) in RAS+ millimetres."""
        z, y, x = levelled(self.grid).world(self.grid.index(world))[::-1].tolist()
        return z, y, x

    def world(self, place: tuple[float, ...]) -> Triple:
        """Return the RAS+ millimetres (x, y, z) of a place (z, y, x) on the screen."""
        x, y, z = self.grid.world(levelled(self.grid).index(place[::-1])).tolist()
        return x, y, z


def open_case(run: Run, ledger: Ledger, model: str, sample: str, reviewer: Reviewer) -> Case:
    """Open a sample with the reviewer's draft of its labels; of the voxels next to nothing is read.

    Raises
    ------
    MedscienceError
        If image or labels are missing or altered, do not belong together, or the draft is open elsewhere.
    """
    image, proposed = open_image(run.image(sample)), open_image(run.labels(model, sample))
    labels, notice = _newest(run, ledger, proposed, image, reviewer)
    _refuse_strangers(image, labels)
    model_digest, kept = run.model_digest(model, sample), _confidence(run, model, sample, proposed)
    draft, more = None, ""
    if not ledger.read_only:
        draft, more = _draft(run.corrections, labels, model, sample, reviewer.name)
    chunks = LabelChunks(draft, draft.chunks) if draft else LabelChunks(labels.image.data)
    turn = image.image.geometry.reorientation(UPRIGHT)
    return Case(
        model,
        sample,
        image,
        labels,
        draft,
        EditableLabels(chunks, turn),
        len(draft.touched) if draft else 0,
        " ".join(part for part in (notice, more) if part),
        Shown(image.commit.digest, labels.commit.digest, model_digest),
        kept,
    )


def levelled(turned: Geometry) -> Geometry:
    """Return a turned grid without its tilt, about its middle: napari slices along the array's axes only.

    >>> grid = Geometry((5, 6, 7), as_affine([[0, 0, 1, 9], [0, 2, 0, 8], [3, 0, 0, 7], [0, 0, 0, 1]]))
    >>> levelled(grid) == grid
    True
    """
    if is_upright(turned):
        return turned
    middle = (np.array(turned.shape) - 1) / 2
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0, 3], [0, 1, 2, 3]] = (*turned.spacing, 1.0)
    matrix[:3, 3] = turned.world(middle) - matrix[:3, :3] @ middle
    return Geometry(turned.shape, as_affine(matrix))


def levelled_levels(stored: StoredImage) -> list[Image]:
    """Return an image and its coarser copies with the grid on which they are shown."""
    geometry = stored.image.geometry
    turn = geometry.reorientation(UPRIGHT)
    flat = levelled(geometry.reoriented(turn)).reoriented(turn.inverse)
    return [
        replace(level, meaning=replace(level.meaning, geometry=flat.coarser(factors)))
        for level, factors in zip(stored.levels, stored.content.levels, strict=True)
    ]


def _newest(
    run: Run, ledger: Ledger, proposed: StoredImage, image: StoredImage, reviewer: Reviewer
) -> tuple[StoredImage, str]:
    """Return the labels to begin from, and who made them if it was not the model."""
    if reviewer.blind:
        return proposed, ""
    model, sample = proposed.path.parent.name, proposed.name
    path = run.corrected(ledger, model, sample, image.commit.digest, proposed.commit.digest)
    if path is None:
        return proposed, ""
    return open_image(path), f"Shown is the accepted correction {path.name.removesuffix('.ome.zarr')}."


def _draft(root: Path, labels: StoredImage, model: str, sample: str, reviewer: str) -> tuple[Draft, str]:
    """Open the draft; one that began from other labels is kept beside."""
    try:
        return open_draft(root, labels, model=model, sample=sample, reviewer=reviewer), ""
    except MismatchError:
        mine = [d for d in find_drafts(root, reviewer) if (d.model, d.sample) == (model, sample)]
        if not mine:
            raise
        aside = set_aside(root, mine[0])
    draft = open_draft(root, labels, model=model, sample=sample, reviewer=reviewer)
    return draft, f"Unfinished edits of other labels than these are kept in {aside.name}."


def _confidence(run: Run, model: str, sample: str, labels: StoredImage) -> Image | None:
    """Return the map beside the prediction that the labels were made from."""
    path = run.prediction(model, sample)
    if not path.exists():
        return None
    prediction = open_image(path)
    if prediction.commit.digest not in labels.commit.provenance.inputs.values():
        return None
    return prediction.maps.get("confidence")


def _refuse_strangers(image: StoredImage, labels: StoredImage) -> None:
    meaning = labels.content.labels
    if meaning is None or meaning.image_digest != image.commit.digest:
        raise MismatchError(
            "REVIEW-IMAGE",
            file=labels.path,
            field="image digest",
            found="labels of another version of the image",
            expected=f"labels of {image.path} ({image.commit.digest[:12]})",
            fix="run the workflow again",
        )
