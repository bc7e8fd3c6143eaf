"""Labels with the image that they belong to: what measuring begins with."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medscience.image import Image
    from medscience.store.images import StoredImage
    from medscience.store.metadata import LabelMeaning


@dataclass(frozen=True, slots=True)
class Labelled:
    """A store of labels, its image, and the labels to measure."""

    found: "StoredImage"
    scan: "StoredImage"
    meaning: "LabelMeaning"
    levels: "tuple[Image, ...]"
    """The labels and their coarser copies, as a person left them if someone corrected them."""
    edits: dict[str, str]
    """What a table says of the correction."""
    truth: "StoredImage | None"
    """The labels to compare with."""

    @property
    def digests(self) -> dict[str, str]:
        """What a table says of its inputs."""
        digests = {"labels": self.found.commit.digest, "image": self.scan.commit.digest}
        return digests | ({"reference": self.truth.commit.digest} if self.truth else {})


def read_labelled(labels: Path, image: Path, reference: Path | None, correction: Path | None) -> Labelled:
    """Open labels, their image, and what goes with them.

    Raises
    ------
    MismatchError
        If they do not belong together, or the reference holds no labels.
    """
    from medscience.errors import MismatchError
    from medscience.store.images import open_image

    found, scan = open_image(labels), open_image(image)
    meaning = found.content.labels
    if meaning is None or meaning.image_digest != scan.commit.digest:
        raise MismatchError(
            "MEASURE-IMAGE",
            file=found.path,
            field="image digest",
            found="labels of " + (meaning.image_digest[:12] if meaning else "no known image"),
            expected=f"labels of {scan.path} ({scan.commit.digest[:12]})",
            fix="predict this image, or name the image that the labels belong to",
        )
    for stored in (found, scan):
        stored.volume("measure")
    levels, edits = (found.levels, {}) if correction is None else _corrected(found, scan, correction)
    return Labelled(found, scan, meaning, levels, edits, _reference(reference) if reference else None)


def _reference(path: Path) -> "StoredImage":
    from medscience.errors import MismatchError
    from medscience.store.images import open_image

    truth = open_image(path)
    if not truth.content.is_labels:
        raise MismatchError(
            "MEASURE-REFERENCE",
            file=truth.path,
            field="content",
            found="brightness",
            expected="labels",
            fix="ingest the reference with --labels",
        )
    truth.volume("measure")
    return truth


def _corrected(
    found: "StoredImage", scan: "StoredImage", correction: Path
) -> "tuple[tuple[Image, ...], dict[str, str]]":
    """Return the levels of labels as a person corrected them, and what the table says of that."""
    from medscience.errors import about
    from medscience.review.corrections import filled, label_meaning, refuse_other
    from medscience.review.edits import edits_of
    from medscience.store.images import open_image

    stored = open_image(correction)
    with about(stored.path):
        refuse_other(stored, found, scan)
        levels = tuple(filled(*pair) for pair in zip(stored.levels, found.levels, strict=True))
    edits = edits_of(found.image, levels[0], label_meaning(found).labels)
    return levels, {"correction": stored.commit.digest, "edits": edits.to_json()}
