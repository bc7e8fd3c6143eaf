"""3DIRCADb-01: a folder for each patient, with the scan and masks of each structure, in DICOM."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medscience.errors import InputError, MedscienceError, about
from medscience.image import Image
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.read import open_dicom
from medscience.ingest.layouts.rows import Row, checked

PATIENT = re.compile(r"3Dircadb[12]\.([0-9]{1,3})", re.IGNORECASE)
SCAN, MASKS = "PATIENT_DICOM", "MASKS_DICOM"
TUMOUR = "livertumor"
"""How the names of tumours begin; cysts and vessels are a part of the liver."""
LIVER_VALUE, TUMOUR_VALUE = 1, 2
"""As in LiTS."""
EXPECTED = f"folders 3Dircadb1.N with {SCAN} and {MASKS}/liver, unpacked"


@dataclass(frozen=True, slots=True)
class Patient:
    """Where a patient's scan and masks are."""

    sample: str
    scan: Path
    liver: Path
    tumours: tuple[Path, ...]


def ircadb(folder: Path) -> tuple[Patient, ...]:
    """Return the patients below a folder, in the order of their numbers.

    Raises
    ------
    ConfigError
        If a scan or a liver is missing or still packed, or a patient is there twice; all of that at once.
    """
    places = [path for path in sorted(folder.glob("**/")) if PATIENT.fullmatch(path.name)]
    if PATIENT.fullmatch(folder.name):
        places = [folder]
    patients: dict[int, Patient] = {}
    faults: list[str] = []
    for place in places:
        number = int(PATIENT.fullmatch(place.name)[1])  # type: ignore[index]
        if number in patients:
            faults.append(f"{place.name} is there twice")
        patients[number] = _patient(place, number)
    ordered = tuple(patients[number] for number in sorted(patients))
    faults += [fault for patient in ordered for fault in _faults(patient)]
    checked(
        folder, [Row(patient.sample, patient.scan, patient.liver) for patient in ordered], faults, EXPECTED
    )
    return ordered


def _patient(place: Path, number: int) -> Patient:
    masks = _unpacked(place / MASKS)
    tumours = sorted(path for path in masks.glob("*/") if path.name.lower().startswith(TUMOUR))
    return Patient(f"ircadb-{number:02}", _unpacked(place / SCAN), masks / "liver", tuple(tumours))


def _unpacked(folder: Path) -> Path:
    """A folder, or that of the same name in it, where an archive was unpacked into its own name."""
    inner = folder / folder.name
    return inner if inner.is_dir() else folder


def _faults(patient: Patient) -> Iterator[str]:
    for path in (patient.scan, patient.liver, *patient.tumours):
        if not path.is_dir():
            archive = next((up for up in path.parents if up.name == MASKS), path).with_suffix(".zip")
            packed = f", but {archive.name} is there: unpack it" if archive.is_file() else ""
            yield f"{patient.sample}: no folder {path}{packed}"
        elif not any(path.iterdir()):
            yield f"{patient.sample}: nothing in {path}"


def merged(patient: Patient) -> Image:
    """Return the labels of a patient on the scan's grid: 1 liver, 2 tumour, which lies over it.

    Raises
    ------
    InputError
        If a mask lies elsewhere than the scan, or has other than two values.
    """
    meaning = open_dicom(patient.scan).meaning
    labels = np.zeros(meaning.geometry.shape, dtype=np.uint8)
    for folder in (patient.liver, *patient.tumours):
        with about(folder):
            inside = _mask(folder, Image(labels, meaning))
        labels[inside] = LIVER_VALUE if folder == patient.liver else TUMOUR_VALUE
    return Image(labels, meaning)


def _mask(folder: Path, scan: Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    source = open_dicom(folder, choices=Choices(accept=("no-rescale",)))
    if not source.meaning.geometry.close_to(scan.geometry):
        raise InputError(
            "COHORT-MASK-GRID",
            field="grid",
            found=f"{source.shape} {source.meaning.geometry.orientation}",
            expected=f"the scan's {scan.shape} {scan.geometry.orientation}, corners within 0.001 mm",
            fix="look at the patient's files: masks and scan do not belong together",
        )
    volume = np.concatenate(list(source.slabs(64)))
    values = np.unique(volume)
    if len(values) != 2:
        raise InputError(
            "COHORT-MASK-VALUES",
            field="voxels",
            found=f"{len(values)} values",
            expected="two, of which the larger one is inside",
            fix="look at the mask: it is empty, or no mask",
        )
    return np.asarray(volume == values[1])


def merged_or_fault(patient: Patient) -> Image | str:
    """Return the labels of a patient, or in a line why there are none."""
    try:
        return merged(patient)
    except MedscienceError as fault:
        return f"{patient.sample}: {fault.line}"
