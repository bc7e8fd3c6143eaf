"""Write results in formats that other programs read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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


def ct(
    image: Annotated[Path, typer.Argument(help="a CT, or volumes of it in time")],
    destination: Annotated[Path, typer.Argument(help="a new folder")],
    phases: Annotated[
        Literal["together", "apart", "average", "maximum"],
        typer.Option(help="volumes in time: one series, a series each, their average, or the brightest"),
    ] = "together",
    patient: Annotated[
        str | None, typer.Option(help="what the patient is called; by default a code from the image's digest")
    ] = None,
    hounsfield: Annotated[
        bool,
        typer.Option("--hounsfield", help="its values are Hounsfield units, though its file cannot say so"),
    ] = False,
) -> None:
    """Write a CT as a DICOM series, de-identified, on its own grid."""
    _need_dicom()
    from medscience.errors import about
    from medscience.export.ct import Identity, write_ct
    from medscience.export.phases import projected
    from medscience.store.images import open_image

    stored = open_image(image)
    with about(stored.path):
        _check_ct(stored, patient, hounsfield=hounsfield)
        made = phases if phases in ("average", "maximum") else ""
        scan = projected(stored.image, phases) if phases in ("average", "maximum") else stored.image
        identity = Identity(patient or f"MS-{stored.commit.digest[:12]}", stored.commit.digest)
        scale = write_ct(scan, destination, identity, stored.content.source, made, apart=phases == "apart")
    if scale.slope < 1:
        typer.echo(f"{destination}: values to the nearest {scale.slope:g} HU", err=True)


def _need_dicom() -> None:
    from importlib.util import find_spec

    from medscience.errors import ConfigError

    for package in ("pydicom", "highdicom"):
        if find_spec(package) is None:
            raise ConfigError(
                "EXPORT-PACKAGE",
                field=package,
                found="not installed",
                expected="the packages that write DICOM",
                fix="pip install 'medscience[dicom]'",
            )


def _check_ct(stored: "StoredImage", patient: str | None, *, hounsfield: bool) -> None:
    """Refuse what is no CT in Hounsfield units, and names that no sheet would take."""
    import re

    from medscience.config.sheet import NAME
    from medscience.errors import MismatchError

    unit = stored.content.meaning.value_unit
    if stored.content.is_labels or not (unit == "HU" or (hounsfield and unit is None)):
        raise MismatchError(
            "EXPORT-CT-UNIT",
            field="unit",
            found="labels" if stored.content.is_labels else unit or "none",
            expected="Hounsfield units",
            fix="name --hounsfield if the values are these; labels go into a segmentation: export seg",
        )
    if patient is not None and not re.fullmatch(NAME, patient):
        raise typer.BadParameter("letters, digits, _ and -, 64 at most", param_hint="--patient")


def seg(
    labels: Annotated[Path, typer.Argument(help="labels of a model that knows liver and tumour")],
    image: Annotated[Path, typer.Argument(help="the image that they were made from")],
    source: Annotated[Path, typer.Argument(help="the DICOM series that the image was read from")],
    destination: Annotated[Path, typer.Argument(help="NAME.dcm")],
    series: Annotated[str | None, typer.Option(help="which series of a folder, as in ingest")] = None,
    correction: Annotated[
        Path | None, typer.Option(help="what a person made of the labels: written in their place")
    ] = None,
) -> None:
    """Write labels of a liver as a DICOM segmentation that opens on its source, whose patient it names."""
    _need_dicom()
    from medscience.errors import about
    from medscience.export.ct import Identity
    from medscience.export.seg import liver_segments, write_seg
    from medscience.measure.livers import liver_and_tumour
    from medscience.steps.labelled import read_labelled
    from medscience.steps.segmentation import headers_and_labels, source_slices

    case = read_labelled(labels, image, None, correction)
    with about(case.found.path):
        segments = liver_segments(*liver_and_tumour(case.meaning.labels))
    placed = source_slices(case.scan, source, series)
    headers, ordered = headers_and_labels(placed, case.levels[0].read((slice(None),) * 3))
    digest = case.edits.get("correction", case.found.commit.digest)
    write_seg(
        ordered,
        headers,
        segments,
        destination,
        Identity("", digest),
        case.found.image.geometry.spacing,
        case.meaning.model or "model",
        corrected=bool(case.edits),
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
