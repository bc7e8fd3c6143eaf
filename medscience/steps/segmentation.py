"""The source of a store's image, found again for a segmentation that refers to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from medscience.ingest.dicom.stack import Stack
    from medscience.store.images import StoredImage

MUST_BE_THERE = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
"""Attributes of patient and study that DICOM lets be empty, but not missing (type 2)."""

IDENTIFIERS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
)
"""What a segmentation refers to."""


def source_slices(scan: "StoredImage", source: Path, series: str | None) -> "Stack":
    """Return the slices of the DICOM series that an image was read from, in its order.

    Raises
    ------
    MismatchError
        If it is another series, or its slices were resampled as they were read.
    """
    from medscience.errors import MismatchError
    from medscience.ingest.choices import Choices
    from medscience.ingest.dicom.read import read_slices

    made = {key: value for key, value in scan.commit.provenance.settings.items() if key != "labels"}
    accept = tuple(made.pop("accept", ()))
    digest, placed = read_slices(source, Choices(series=series, accept=accept, **made))
    if digest != scan.commit.provenance.inputs.get("source"):
        raise MismatchError(
            "EXPORT-SOURCE",
            file=source,
            field="sha256",
            found=f"another series ({digest[:12]})",
            expected=f"the one that {scan.path} was read from",
            fix="name its folder; with --series, if there are several in it",
        )
    if placed.is_resampled:
        raise MismatchError(
            "EXPORT-RESAMPLED",
            file=source,
            field="slices",
            found="slices that were interpolated as they were read",
            expected="voxels that are the source's own",
            fix="export NIfTI, or ingest with --on-tilt keep",
        )
    return placed


def headers_and_labels(
    placed: "Stack", labels: "NDArray[np.generic]"
) -> "tuple[list[Dataset], NDArray[np.generic]]":
    """Return the headers of a volume's slices, and its labels in the order of their frames.

    A file with many frames has one header, and its frames an order of their own.

    Raises
    ------
    InputError
        If the volume is spread over several files with many frames.
    """
    import numpy as np

    instances: dict[int, Any] = {id(frame.instance): frame.instance for frame in placed.frames}
    if len(instances) == len(placed.frames):
        return [_header(frame.instance) for frame in placed.frames], labels
    if len(instances) > 1:
        raise placed.frames[0].instance.refused(
            "SEVERAL-FILES",
            "NumberOfFrames",
            f"{len(instances)} files with many frames",
            "one file, or one for each slice",
            "export NIfTI instead",
        )
    (instance,) = instances.values()
    header = _header(instance)
    ordered = np.zeros((int(header.NumberOfFrames), *labels.shape[1:]), dtype=labels.dtype)
    ordered[[frame.number for frame in placed.frames]] = labels
    return [header], ordered


def _header(instance: Any) -> "Dataset":  # noqa: ANN401
    """Return all that a file says but its pixels; what must be there, if only empty, is.

    Programs that take out identities leave UIDs empty, at times in the header alone.
    """
    import pydicom

    with instance.file.opened() as (stream, _):
        header = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
    for name in MUST_BE_THERE:
        if name not in header:
            setattr(header, name, "")
    for name in ("SOPClassUID", "SOPInstanceUID"):
        if not header.get(name):
            setattr(header, name, header.file_meta.get(f"MediaStorage{name}", ""))
    for name in IDENTIFIERS:
        if not header.get(name):
            fix = "write a series that has one with export ct, and bring that in"
            raise instance.refused("NO-UID", name, "none", "an identifier to refer to", fix)
    return header
