"""The pictures of a result, each within its share of the page."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import PIL.Image

from medscience.description import Label
from medscience.geometry import Geometry, Sizes, Triple
from medscience.report.budget import Share
from medscience.report.figures import meeting_point, slices, window
from medscience.report.preview import Preview, image_preview, label_preview
from medscience.report.shrink import UPRIGHT
from medscience.store.images import StoredImage

STILLS = ((960, 82), (960, 65), (800, 60), (640, 55), (480, 45))
"""Widths in pixels and qualities of the printed slices, the best first."""


@dataclass(frozen=True, slots=True)
class ResultPictures:
    """What a person sees of one result."""

    still: bytes
    """Three slices with outlines, as WebP: printed, and shown where scripts do not run."""
    image: Preview
    labels: Preview
    before: bytes | None
    """`still` with the labels that a person corrected; None where nobody did."""
    meeting: Triple
    """Where the three slices lie in the upright volume, along I, P and L, from 0 to 1."""


class Pictures:
    """Makes pictures that fit; remembers the copy of each image, which several models share.

    Parameters
    ----------
    share : Share
        What each picture may take.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        self._images: dict[str, Preview] = {}

    def of(
        self,
        image: StoredImage,
        labels: StoredImage,
        names: Sequence[Label],
        model: StoredImage | None = None,
    ) -> ResultPictures:
        """Return the pictures of an image and of labels on its grid.

        Parameters
        ----------
        names : sequence of Label
            Those to be shown.
        model : StoredImage, optional
            The labels as the model made them, if someone corrected them since.
        """
        shown, meeting = window(image.levels[-1]), meeting_point(labels.levels)
        digest = image.commit.digest
        if digest not in self._images:
            self._images[digest] = image_preview(image.levels, shown, self._share.image)

        def drawn(which: StoredImage) -> bytes:
            return still(slices(image.levels, which.levels, names, meeting, shown), self._share.still)

        return ResultPictures(
            drawn(labels),
            self._images[digest],
            label_preview(labels.levels, [label.value for label in names], self._share.labels),
            drawn(model) if model and model is not labels else None,
            _upright_place(image.image.geometry, meeting),
        )


def still(picture: PIL.Image.Image, most: int) -> bytes:
    """Return a picture as WebP, as good as it can be in so many bytes."""
    content = b""
    for width, quality in STILLS:
        height = max(round(picture.height * width / picture.width), 1)
        file = io.BytesIO()
        picture.resize((width, height), PIL.Image.Resampling.LANCZOS).save(file, "webp", quality=quality)
        content = file.getvalue()
        if len(content) <= most:
            break
    return content


def _upright_place(grid: Geometry, voxel: Sizes) -> Triple:
    """Return where a voxel's centre lies in the upright volume, each axis from 0 to 1."""
    change = grid.reorientation(UPRIGHT)
    places = [(voxel[old] + 0.5) / grid.shape[old] for old in change.order]
    z, y, x = (1 - place if flip else place for place, flip in zip(places, change.flips, strict=True))
    return (z, y, x)
