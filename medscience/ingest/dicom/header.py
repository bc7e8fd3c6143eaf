"""What a DICOM file says of its pictures, checked: the frames with their places."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from medscience.errors import InputError, about
from medscience.ingest.dicom.content import Content, inflated, read_content
from medscience.ingest.dicom.elements import Pixels
from medscience.ingest.dicom.files import File, Stamp
from medscience.ingest.dicom.values import Values, refused

NOT_SCANS = {
    "1.2.840.10008.5.1.4.1.1.481.2": "RT dose",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "label map",
    "1.2.840.10008.5.1.4.1.1.30": "parametric map",
}
"""SOP classes that have pixels and places, but are results and no scans."""
MODALITIES = {
    *("CT", "MR", "PT", "NM", "CR", "DX", "US", "XA", "RF", "MG", "SC", "OT", "ES", "XC", "OPT", "OCT", "OP"),
    *("IO", "PX", "GM", "SM", "RG", "IVUS", "IVOCT", "SEG", "RTDOSE", "RTIMAGE"),
}
"""Codes that may be shown and kept (PS3.3 C.7.3.1.1.1)."""
SEPARATORS = {
    "TemporalPositionIdentifier": "",
    "TemporalPositionIndex": "",
    "EffectiveEchoTime": "ms",
    "EchoTime": "ms",
    "EchoNumbers": "",
    "DiffusionBValue": "s/mm2",
    "TriggerTime": "ms",
    "InversionTime": "ms",
    "FlipAngle": "degrees",
    "AcquisitionNumber": "",
    "ImageType": None,
    "FrameType": None,
    "AcquisitionTime": None,
}
"""What may tell volumes on the same positions apart, with its unit; None: it is not shown."""
IN_TIME = {"TemporalPositionIdentifier", "TemporalPositionIndex"}
"""Those of them that count volumes in time."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice, and where it lies."""

    instance: "Instance"
    number: int
    """Index in its file."""
    position: tuple[float, ...]
    """Centre of the first pixel, DICOM's LPS+ millimetres."""
    orientation: tuple[float, ...]
    """Direction along a row, then down a column."""
    spacing: tuple[float, ...]
    """Millimetres between rows, then between columns."""
    slope: float
    intercept: float
    separators: tuple[object, ...]
    """Values of `SEPARATORS`."""
    thickness: float | None
    step: float | None
    """What SpacingBetweenSlices says."""
    values: Values
    """Its attributes, those of its file included."""


@dataclass(slots=True)
class Instance:
    """A file with a picture, read but not yet checked."""

    file: File
    stamp: Stamp
    content: Content
    values: Values

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the bytes in which `content` counts: the file's, or what a deflated one holds."""
        with self.file.opened() as (stream, size):
            start = self.content.deflated_from
            yield stream if start is None else inflated(stream, size, start)[0]

    def refused(
        self,
        code: str,
        name: str,
        found: object,
        expected: object,
        fix: str = "export the series again",
    ) -> InputError:
        """Return the error about an attribute of this file."""
        fault = refused(code, name, found, expected, fix)
        fault.file = self.file.name
        return fault

    @property
    def series(self) -> str:
        """UID of the series; empty in files that lost it."""
        return self.values.text("SeriesInstanceUID")

    @property
    def uid(self) -> str:
        """UID of the picture; empty in files that lost it."""
        return self.values.text("SOPInstanceUID")

    @property
    def modality(self) -> str:
        """CT, MR and so on; empty if it is none of DICOM's codes."""
        code = self.values.code("Modality")
        return code if code in MODALITIES else ""

    @property
    def pixels(self) -> Pixels:
        """Where its pixel data lie."""
        if self.content.pixels is None:
            raise refused("NO-PIXELS", "PixelData", "none", "a picture")
        return self.content.pixels

    @property
    def is_scan(self) -> bool:
        """Whether it has a picture that is no other program's result."""
        known = self.values.text("SOPClassUID") or self.values.text("MediaStorageSOPClassUID")
        return self.content.pixels is not None and known not in NOT_SCANS

    @property
    def is_localizer(self) -> bool:
        """Whether it is a picture to plan others on."""
        return "LOCALIZER" in self.values.text("ImageType").upper().split("\\")

    @property
    def has_place(self) -> bool:
        """Whether it says where it lies."""
        enhanced = bool(self.values.items("PerFrameFunctionalGroupsSequence"))
        return enhanced or self.values.has("ImagePositionPatient")


def read_instance(file: File) -> Instance:
    """Read a file's header.

    Raises
    ------
    InputError
        If it cannot be walked from end to end.
    """
    with about(file.name), file.opened() as (stream, size):
        stamp = file.stamp()
        content = read_content(stream, size)
        values = Values((content.data,), content.order)
        bare = any(repair.code == "DICOM-NO-PREAMBLE" for repair in content.repairs)
        if bare and not values.text("SOPClassUID").startswith("1.2.840.10008.5.1.4."):
            raise InputError(
                "DICOM-FORMAT",
                field="SOPClassUID (0008,0016)",
                found="no preamble, and no class that is known",
                expected="a DICOM file",
                fix="is it a DICOM file?",
            )
    return Instance(file, stamp, content, values)


def read_frames(instance: Instance, *, unscaled: bool) -> list[Frame]:
    """Return the frames of an instance with their places.

    Parameters
    ----------
    unscaled : bool
        Whether a CT or PET without rescale may be taken as it is stored.

    Raises
    ------
    InputError
        If a frame does not say where it lies, how large its pixels are, or what its numbers mean.
    """
    return [
        _frame(instance, number, values, unscaled=unscaled)
        for number, values in enumerate(_frame_values(instance))
    ]


def _frame_values(instance: Instance) -> list[Values]:
    """The attributes of each frame; of the whole file where it has one only."""
    values = instance.values
    count = values.integer("NumberOfFrames") or 1
    groups = values.items("PerFrameFunctionalGroupsSequence")
    if not groups:
        if count > 1:
            raise refused("FRAMES", "NumberOfFrames", f"{count}, without their places", "places for each")
        return [values]
    if len(groups) != count:
        raise refused("FRAMES", "PerFrameFunctionalGroupsSequence", f"{len(groups)} items", f"{count}")
    for shared in values.items("SharedFunctionalGroupsSequence"):
        values = values.with_groups(shared)
    return [values.with_groups(group) for group in groups]


def _frame(instance: Instance, number: int, values: Values, *, unscaled: bool) -> Frame:
    spacing = values.decimals("PixelSpacing", 2)
    if spacing is None or min(spacing) <= 0:
        raise refused("SPACING", "PixelSpacing", spacing, "two positive numbers, in millimetres")
    slope, intercept = _rescale(values, instance.modality, unscaled=unscaled)
    return Frame(
        instance,
        number,
        _place(values, "ImagePositionPatient", 3),
        _place(values, "ImageOrientationPatient", 6),
        spacing,
        slope,
        intercept,
        tuple(_separator(values, name) for name in SEPARATORS),
        values.loose("SliceThickness"),
        values.loose("SpacingBetweenSlices"),
        values,
    )


def _place(values: Values, name: str, count: int) -> tuple[float, ...]:
    found = values.decimals(name, count)
    if found is None:
        raise refused("NO-PLACE", name, "none", "where the slice lies in the patient")
    return found


def _separator(values: Values, name: str) -> object:
    """A value to tell volumes apart by; one that is malformed tells nothing."""
    return values.text(name) if SEPARATORS[name] is None else values.loose(name)


def _rescale(values: Values, modality: str, *, unscaled: bool) -> tuple[float, float]:
    slope, intercept = values.decimal("RescaleSlope"), values.decimal("RescaleIntercept")
    if slope is None and intercept is None and (modality not in ("CT", "PT") or unscaled):
        return 1.0, 0.0
    if slope is None or intercept is None:
        name = "RescaleSlope" if slope is None else "RescaleIntercept"
        fix = "export the series again, or name --accept no-rescale to take the stored numbers"
        raise refused("NO-RESCALE", name, "none", "slope and intercept", fix)
    if slope == 0:
        raise refused("RESCALE", "RescaleSlope", 0, "another number")
    return slope, intercept
