"""A CT as a series of DICOM images, without a word of who it is."""

import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from medscience import __version__
from medscience.errors import MismatchError
from medscience.geometry import Geometry
from medscience.image import Image
from medscience.store.files import created

TO_LPS = np.diag([-1.0, -1.0, 1.0])
RIGHT_ANGLE = 1e-4
"""Cosine between rows and columns up to which they are at right angles, as DICOM needs them."""
STEPS = 64510
"""Steps that 16 bits can tell apart, with room for an intercept that is a whole number."""
FINEST = 2.0**-10
"""Of the steps in which values that are not whole are stored: each is a power of two, which decimals hold."""
ROOT = uuid.uuid5(uuid.NAMESPACE_URL, "medscience/dicom")


@dataclass(frozen=True, slots=True)
class Identity:
    """What stands for the patient, and for the image that it all comes from."""

    patient: str
    digest: str
    """Of the image's store: UIDs follow from it, so that the same export has the same ones."""

    def uid(self, *parts: object) -> str:
        """Return the UID of a part: derived from a UUID (PS3.5 B.2), a name-based one (RFC 4122, 4.3)."""
        return f"2.25.{uuid.uuid5(ROOT, '/'.join(map(str, (self.digest, *parts)))).int}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become the 16 bits that are stored: value = slope * stored + intercept."""

    slope: float
    intercept: float

    def stored(self, values: NDArray[Any]) -> NDArray[np.int16]:
        """Return the nearest numbers that can be stored."""
        scaled = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        return scaled.astype("<i2")


def write_ct(
    image: Image,
    destination: Path,
    identity: Identity,
    facts: Mapping[str, Any],
    kind: str = "",
    *,
    apart: bool = False,
) -> Scale:
    """Write an image as a folder of CT images (PS3.3 A.3), a file for each slice.

    Index [k, j, i] is slice, row and column, as it is read back; nothing is flipped. Volumes in time are one
    series, told apart by their temporal position, or a series each. The folder is there whole or not at all.

    Parameters
    ----------
    image : Image
        Hounsfield units, axes (z, y, x) or (t, z, y, x), in a patient.
    destination : Path
        A folder that does not exist yet.
    identity : Identity
        Who it is called, and what its UIDs follow from.
    facts : dict
        What the ingest kept of the source: kVp, kernel, slice thickness.
    kind : str
        What was made of the volumes in time, ``average`` or ``maximum``; empty if nothing.
    apart : bool
        Whether each volume in time is a series of its own, in a folder of its own.

    Returns
    -------
    Scale
        Whole numbers come back as they are, others to the nearest multiple of its slope.

    Raises
    ------
    MismatchError
        If DICOM cannot say where the pixels lie, or 16 bits cannot hold the values.
    """
    _check(image)
    scale = scale_of(image)
    times = image.shape[0] if "t" in image.meaning.axes else 1
    shared = _shared(image, identity, facts, scale, kind)
    with created(destination) as folder:
        for time, index, pixels in _slices(image):
            one = _slice(shared, image.geometry, identity, (kind, time, index))
            number = time + 1 if apart else 1
            one.SeriesInstanceUID = identity.uid("series", kind, times, "apart" if apart else "", number)
            one.SeriesNumber = one.AcquisitionNumber = number
            one.InstanceNumber = index + 1
            if times > 1:
                _place_in_time(one, image, time, times)
                one.SeriesDescription = f"phase {time + 1} of {times}" if apart else f"{times} phases"
            one.PixelData = scale.stored(pixels).tobytes()
            place = folder / f"phase-{time:02}" if apart else folder
            place.mkdir(exist_ok=True)
            name = f"t{time:02}-{index + 1:05}.dcm" if times > 1 and not apart else f"{index + 1:05}.dcm"
            one.save_as(place / name, enforce_file_format=True)
    return scale


def scale_of(image: Image) -> Scale:
    """Return how the values of an image are stored: exactly, if they are whole numbers.

    Raises
    ------
    MismatchError
        If they are not finite, or reach too far for 16 bits.
    """
    low, high, whole = math.inf, -math.inf, True
    for slab in image.slabs():
        low, high = min(low, float(slab.min())), max(high, float(slab.max()))
        if not math.isfinite(high - low):
            raise _range("numbers that are not finite")
        whole = whole and (slab.dtype.kind in "iu" or bool((slab == np.rint(slab)).all()))
    if whole and low >= -32768 and high <= 32767:
        return Scale(1.0, 0.0)
    slope = 1.0 if whole else max(2.0 ** math.ceil(math.log2(max(high - low, FINEST) / STEPS)), FINEST)
    if slope > 1 or high - low > STEPS * slope:
        raise _range(f"values from {low:g} to {high:g}")
    return Scale(slope, round((low + high) / 2))


def _range(found: str) -> MismatchError:
    return MismatchError(
        "EXPORT-CT-RANGE",
        field="values",
        found=found,
        expected="finite Hounsfield units that 16 bits can hold",
        fix="look at the image: it is no CT, or was damaged on the way",
    )


def _check(image: Image) -> None:
    meaning, directions = image.meaning, image.geometry.directions
    if meaning.axes not in ("zyx", "tzyx") or meaning.space != "patient" or meaning.skipped:
        raise MismatchError(
            "EXPORT-CT-AXES",
            field="axes",
            found=f"axes {meaning.axes} in {meaning.space} coordinates",
            expected="axes zyx or tzyx in a patient",
            fix="name the image of a patient",
        )
    cosine = abs(float(directions[:, 1] @ directions[:, 2]))
    if cosine > RIGHT_ANGLE:
        raise MismatchError(
            "EXPORT-CT-SHEAR",
            field="affine",
            found=f"{math.degrees(math.acos(cosine)):.2f} degrees between rows and columns",
            expected="right angles, as DICOM needs them",
            fix="resample the image first",
        )


def _slices(image: Image) -> Iterator[tuple[int, int, NDArray[Any]]]:
    depth, done = image.geometry.shape[0], 0
    for slab in image.slabs():
        for pixels in slab:
            yield done // depth, done % depth, pixels
            done += 1


def _shared(image: Image, identity: Identity, facts: Mapping[str, Any], scale: Scale, kind: str) -> Dataset:
    """Return what all images have in common; attributes that must be there but are not known are empty."""
    one = Dataset()
    one.SOPClassUID, one.Modality = CTImageStorage, "CT"
    derived = ["DERIVED", "SECONDARY", "AXIAL"]
    one.ImageType = [*derived, kind.upper()] if kind else derived
    one.PatientID, one.PatientName = identity.patient, f"{identity.patient}^"
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber"):
        setattr(one, name, "")
    for name in (
        "ReferringPhysicianName",
        "StudyID",
        "PatientPosition",
        "PositionReferenceIndicator",
        "Laterality",
    ):
        setattr(one, name, "")
    one.PatientIdentityRemoved, one.DeidentificationMethod = "YES", "written anew from voxels and geometry"
    one.StudyInstanceUID, one.FrameOfReferenceUID = identity.uid("study"), identity.uid("frame of reference")
    one.Manufacturer, one.ManufacturerModelName, one.SoftwareVersions = (
        "medscience",
        "medscience",
        __version__,
    )
    one.SeriesDescription = f"{kind} of all phases" if kind else "CT"
    one.KVP, one.ConvolutionKernel = facts.get("kvp", ""), facts.get("kernel", "")
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    _, one.Rows, one.Columns = image.geometry.shape
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation = 15, 1
    one.RescaleSlope, one.RescaleIntercept = _decimal(scale.slope), _decimal(scale.intercept)
    one.RescaleType = "HU"
    one.WindowCenter, one.WindowWidth = 40, 400
    down, across = image.geometry.spacing[1:]
    one.PixelSpacing = [_decimal(down), _decimal(across)]
    one.SliceThickness = _decimal(facts.get("slice_thickness_mm", image.geometry.spacing[0]))
    one.ImageOrientationPatient = [_decimal(part) for part in _orientation(image.geometry)]
    one.ImagesInAcquisition = image.geometry.shape[0]
    return one


def _orientation(geometry: Geometry) -> NDArray[np.float64]:
    """Return the unit vectors along a row and down a column, LPS+, at right angles."""
    row, column = (TO_LPS @ geometry.directions[:, axis] for axis in (2, 1))
    column = column - (row @ column) * row
    return np.concatenate([row, column / np.linalg.norm(column)])


def _slice(shared: Dataset, geometry: Geometry, identity: Identity, place: tuple[str, int, int]) -> Dataset:
    one = Dataset()
    one.update(shared)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPInstanceUID = identity.uid("image", *place)
    one.ImagePositionPatient = [_decimal(x) for x in TO_LPS @ geometry.world((place[2], 0, 0))]
    return one


def _place_in_time(one: Dataset, image: Image, time: int, times: int) -> None:
    one.TemporalPositionIdentifier, one.NumberOfTemporalPositions = time + 1, times
    one.AcquisitionNumber = time + 1
    if image.meaning.time_step:
        one.TemporalResolution = _decimal(1000 * image.meaning.time_step)


def _decimal(value: float) -> DSfloat:
    """Return a number as a decimal string of 16 letters at most."""
    return DSfloat(float(value), auto_format=True)
