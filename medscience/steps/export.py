"""Write results in formats that other programs read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medscience.store.images import StoredImage


def brain_mask(
    labels: Annotated[Path, typer.Argument(help="labels of a model that knows the brain")],
    destination: Annotated[Path, typer.Argument(help="NAME.nii.gz or NAME.nii")],
) -> None:
    """Write where the brain is, holes filled, as NIfTI on the source's own grid."""
    from medscience.export.nifti import write_nifti
    from medscience.image import Image

    mask, stored = _mask(labels)
    image = Image(mask.astype("uint8"), stored.image.meaning)
    form_code = stored.content.source.get("form_code")
    write_nifti(image, destination, is_labels=True, form_code=form_code)


def skull_stripped(
    labels: Annotated[Path, typer.Argument(help="labels of a model that knows the brain")],
    image: Annotated[Path, typer.Argument(help="the image that they were made from")],
    destination: Annotated[Path, typer.Argument(help="NAME.nii.gz or NAME.nii")],
) -> None:
    """Write the image with everything outside the brain set to 0, as NIfTI on the source's own grid."""
    from medscience.errors import MismatchError
    from medscience.export.nifti import write_nifti
    from medscience.image import Image
    from medscience.postprocess.brain import skull_stripped as stripped
    from medscience.store.images import open_image

    mask, stored = _mask(labels)
    scan = open_image(image)
    meaning = stored.content.labels
    if meaning is None or meaning.image_digest != scan.commit.digest:
        raise MismatchError(
            "EXPORT-IMAGE",
            file=stored.path,
            field="image digest",
            found="labels of another image",
            expected=f"labels of {scan.path}",
            fix="name the image that the labels belong to",
        )
    volume = stripped(scan.volume("a skull-stripped image").read((slice(None),) * 3), mask)
    form_code = scan.content.source.get("form_code")
    write_nifti(Image(volume, scan.image.meaning), destination, is_labels=False, form_code=form_code)


def _mask(labels: Path) -> "tuple[NDArray[np.bool_], StoredImage]":
    """The brain in a store of labels, and the store."""
    from medscience.postprocess.brain import brain_mask as mask_of
    from medscience.store.images import open_image

    stored = open_image(labels)
    names = stored.content.labels.labels if stored.content.labels else ()
    return mask_of(stored.volume("a mask").read((slice(None),) * 3), names), stored


def nifti(
    store: Annotated[Path, typer.Argument(help="images, predictions or labels")],
    destination: Annotated[Path, typer.Argument(help="NAME.nii.gz or NAME.nii")],
) -> None:
    """Write a store as NIfTI on the source's own grid and axes."""
    from medscience.export.nifti import write_nifti
    from medscience.store.images import open_image

    stored = open_image(store)
    write_nifti(
        stored.image,
        destination,
        is_labels=stored.content.is_labels,
        form_code=stored.content.source.get("form_code"),
    )


def film(
    notes: Annotated[Path, typer.Argument(help="the table of notes that `follow` wrote")],
    motion: Annotated[Path, typer.Argument(help="the table of their motion")],
    image: Annotated[Path, typer.Argument(help="the recording that they were found in")],
    destination: Annotated[Path, typer.Argument(help="NAME.mp4")],
) -> None:
    """Write a recording as MP4 with the outline, number and displacement in rings of each antinode."""
    from medscience.errors import MismatchError
    from medscience.export.annotated import write_annotated
    from medscience.measure.notes import ellipses_of, seen_in_frames
    from medscience.store.images import open_image
    from medscience.store.tables import read_table

    scan = open_image(image)
    (found, stated), (moving, _) = read_table(notes), read_table(motion)
    if stated.get("image") != scan.commit.digest:
        raise MismatchError(
            "EXPORT-IMAGE",
            file=notes,
            field="image digest",
            found="notes of another recording",
            expected=f"notes of {scan.path}",
            fix="name the recording that the notes belong to",
        )
    count = scan.image.shape[0]
    times = scan.image.meaning.times(count).tolist()
    pictures = (_grey(frame[0]) for frame in scan.image.slabs(1))
    places = seen_in_frames(moving, count)
    write_annotated(zip(times, pictures, strict=True), ellipses_of(found), places, destination)


def _grey(pixels: "NDArray[np.generic]") -> "NDArray[np.uint8]":
    """Return 8 bits of a frame: as it is, or the upper ones of 16."""
    import numpy as np

    wide = pixels.dtype.itemsize > 1
    return (pixels.astype(np.float64) / 257).astype(np.uint8) if wide else pixels.astype(np.uint8)
