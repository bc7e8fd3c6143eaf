"""What of a DICOM header reaches our metadata: only what is listed here, and only in a form that is known.

Names, identifiers, UIDs, dates, descriptions and private attributes are never among it; nothing that we keep
needs them, so that there is nothing to hash and nothing to shift (PS3.15 annex E).
"""

import re
from typing import Any

from medscience.ingest.dicom.header import Frame, Instance
from medscience.ingest.source import Repair

UNITS = {"BQML", "CNTS", "GML", "CM2ML", "PROPCPS", "PCNT"}
"""Of PET (PS3.3 C.8.9.1.1.3)."""
WRITTEN_ON = {"US", "SC", "XA", "OT", "ES", "XC", "RF"}
"""Modalities whose pictures often show text."""
NUMBERS = {
    "kvp": "KVP",
    "slice_thickness_mm": "SliceThickness",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "inversion_time_ms": "InversionTime",
    "flip_angle_degrees": "FlipAngle",
    "field_strength_t": "MagneticFieldStrength",
}
HEAD = re.compile(r"head|brain|skull|face|neuro|cereb|crani|kopf|sch[aä]del|hirn|cabe[zc]a", re.IGNORECASE)


def facts(frame: Frame, padding: tuple[float, float] | None) -> dict[str, Any]:
    """Return what is kept of the header, as plain numbers and codes.

    Parameters
    ----------
    frame : Frame
        Any of the volume.
    padding : tuple of float, optional
        Lowest and highest value that stands for no picture, on the image's scale.
    """
    values = frame.values
    kernel = values.text("ConvolutionKernel").split("\\")[0].strip()
    units = values.code("Units")
    kept: dict[str, Any] = {
        "format": "dicom",
        "form_code": 1,  # NIfTI's: coordinates of the scanner
        "modality": frame.instance.modality or None,
        "kernel": kernel if re.fullmatch(r"[A-Za-z0-9]{1,8}", kernel) else None,
        "units": units if units in UNITS else None,
        "padding": list(padding) if padding else None,
    }
    for name, attribute in NUMBERS.items():
        kept[name] = values.loose(attribute)
    return {name: value for name, value in kept.items() if value is not None}


def flags(instances: list[Instance]) -> list[Repair]:
    """Return notes on pictures that may show who the patient is."""
    found = []
    first = instances[0]
    note = "text in the picture may name the patient"
    if any(one.values.code("BurnedInAnnotation") == "YES" for one in instances):
        found.append(Repair("DICOM-BURNED-IN", "BurnedInAnnotation", "YES", note))
    elif first.modality in WRITTEN_ON or any("SCREEN" in one.values.text("ImageType") for one in instances):
        found.append(Repair("DICOM-BURNED-IN", "Modality", "a kind that often shows text", note))
    texts = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")
    if any(HEAD.search(first.values.text(name)) for name in texts):
        note = "the face may be recognised from it"
        found.append(Repair("DICOM-FACE", "BodyPartExamined", "a scan of a head", note))
    return found
