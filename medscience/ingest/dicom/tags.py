"""The attributes that are read, with the kinds of value that they may have; no other one is ever loaded."""

from typing import Literal

Kind = Literal["text", "decimal", "integer", "binary", "double", "sequence"]

VRS: dict[Kind, tuple[str, ...]] = {
    "text": ("CS", "UI", "LO", "SH", "PN", "TM", "DT", "DA", "LT", "ST", "UN"),
    "decimal": ("DS", "UN"),
    "integer": ("IS", "UN"),
    "binary": ("US", "SS", "UL", "SL", "UN"),
    "double": ("FD", "FL", "UN"),
    "sequence": ("SQ", "UN"),
}
"""Value representations in a file by kind of value (PS3.5 6.2)."""

PIXEL_DATA = 0x7FE00010
META_CLASS = 0x00020002
SYNTAX = 0x00020010

TAGS: dict[str, tuple[int, Kind]] = {
    "MediaStorageSOPClassUID": (META_CLASS, "text"),
    "TransferSyntaxUID": (SYNTAX, "text"),
    "DirectoryRecordSequence": (0x00041220, "sequence"),
    "DirectoryRecordType": (0x00041430, "text"),
    "ReferencedFileID": (0x00041500, "text"),
    "ImageType": (0x00080008, "text"),
    "SOPClassUID": (0x00080016, "text"),
    "SOPInstanceUID": (0x00080018, "text"),
    "AcquisitionTime": (0x00080032, "text"),
    "Modality": (0x00080060, "text"),
    "StudyDescription": (0x00081030, "text"),
    "SeriesDescription": (0x0008103E, "text"),
    "FrameType": (0x00089007, "text"),
    "PatientID": (0x00100020, "text"),
    "BodyPartExamined": (0x00180015, "text"),
    "SliceThickness": (0x00180050, "decimal"),
    "KVP": (0x00180060, "decimal"),
    "RepetitionTime": (0x00180080, "decimal"),
    "EchoTime": (0x00180081, "decimal"),
    "InversionTime": (0x00180082, "decimal"),
    "EchoNumbers": (0x00180086, "integer"),
    "MagneticFieldStrength": (0x00180087, "decimal"),
    "SpacingBetweenSlices": (0x00180088, "decimal"),
    "ProtocolName": (0x00181030, "text"),
    "TriggerTime": (0x00181060, "decimal"),
    "ConvolutionKernel": (0x00181210, "text"),
    "FlipAngle": (0x00181314, "decimal"),
    "EffectiveEchoTime": (0x00189082, "double"),
    "DiffusionBValue": (0x00189087, "double"),
    "SeriesInstanceUID": (0x0020000E, "text"),
    "SeriesNumber": (0x00200011, "integer"),
    "AcquisitionNumber": (0x00200012, "integer"),
    "ImagePositionPatient": (0x00200032, "decimal"),
    "ImageOrientationPatient": (0x00200037, "decimal"),
    "FrameOfReferenceUID": (0x00200052, "text"),
    "TemporalPositionIdentifier": (0x00200100, "integer"),
    "TemporalResolution": (0x00200110, "decimal"),
    "ImagesInAcquisition": (0x00201002, "integer"),
    "TemporalPositionIndex": (0x00209128, "binary"),
    "SamplesPerPixel": (0x00280002, "binary"),
    "PhotometricInterpretation": (0x00280004, "text"),
    "NumberOfFrames": (0x00280008, "integer"),
    "Rows": (0x00280010, "binary"),
    "Columns": (0x00280011, "binary"),
    "PixelSpacing": (0x00280030, "decimal"),
    "BitsAllocated": (0x00280100, "binary"),
    "BitsStored": (0x00280101, "binary"),
    "HighBit": (0x00280102, "binary"),
    "PixelRepresentation": (0x00280103, "binary"),
    "PixelPaddingValue": (0x00280120, "binary"),
    "PixelPaddingRangeLimit": (0x00280121, "binary"),
    "BurnedInAnnotation": (0x00280301, "text"),
    "RescaleIntercept": (0x00281052, "decimal"),
    "RescaleSlope": (0x00281053, "decimal"),
    "RescaleType": (0x00281054, "text"),
    "ModalityLUTSequence": (0x00283000, "sequence"),
    "Units": (0x00541001, "text"),
    "SharedFunctionalGroupsSequence": (0x52009229, "sequence"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "sequence"),
    # macros of the functional groups (PS3.3 C.7.6.16.2)
    "CTImageFrameTypeSequence": (0x00189329, "sequence"),
    "MRImageFrameTypeSequence": (0x00189226, "sequence"),
    "MREchoSequence": (0x00189114, "sequence"),
    "MRDiffusionSequence": (0x00189117, "sequence"),
    "FrameContentSequence": (0x00209111, "sequence"),
    "PlanePositionSequence": (0x00209113, "sequence"),
    "PlaneOrientationSequence": (0x00209116, "sequence"),
    "PixelMeasuresSequence": (0x00289110, "sequence"),
    "PixelValueTransformationSequence": (0x00289145, "sequence"),
}
"""Tag and kind by the keyword of PS3.6."""

KIND: dict[int, Kind] = dict(TAGS.values())
NAME: dict[int, str] = {tag: name for name, (tag, _) in TAGS.items()}


def named(tag: int) -> str:
    """Return a tag as a person reads it.

    >>> named(0x00280010), named(0x00091001)
    ('Rows (0028,0010)', '(0009,1001)')
    """
    number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return f"{NAME[tag]} {number}" if tag in NAME else number
