"""Labels of a liver as a DICOM segmentation that opens on the source's series."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from medscience import __version__
from medscience.errors import InputError
from medscience.export.ct import Identity
from medscience.geometry import Triple
from medscience.store.files import replaced

SERIES_NUMBER = 900
"""Beyond those of scanners."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment of a segmentation stands for."""

    label: str
    category: Any
    property: Any
    """Code of SNOMED CT."""
    values: tuple[int, ...]
    """Numbers of the labels that make it up."""


def liver_segments(liver: int, tumour: int) -> tuple[Segment, Segment]:
    """Return the segments of labels of a liver: the liver with its tumours, and these.

    Codes are of SNOMED CT, from PS3.16's context groups 7150 and 7192.
    """
    return (
        Segment("Liver", codes.SCT.AnatomicalStructure, codes.SCT.Liver, (liver, tumour)),
        Segment("Liver tumour", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, (tumour,)),
    )


def write_seg(
    labels: NDArray[Any],
    sources: Sequence[Dataset],
    segments: Sequence[Segment],
    destination: Path,
    identity: Identity,
    spacing: Triple,
    model: str,
    *,
    corrected: bool,
) -> None:
    """Write labels as a binary segmentation (PS3.3 A.51); the file is there whole or not at all.

    It belongs to the study of its source and so carries what the source says of the patient.

    Parameters
    ----------
    labels : ndarray of int, shape (N, Y, X)
        In the order of the sources' frames.
    sources : sequence of Dataset
        The headers of the source's slices, one for each, or that of one file with all frames.
    segments : sequence of Segment
        What is written; they may overlap. One that is empty is kept, without frames.
    destination : Path
        Ends in ``.dcm``.
    identity : Identity
        What UIDs follow from.
    spacing : tuple of float
        Along (slices, rows, columns), in millimetres; headers may not say how far slices are apart.
    model : str
        Name of the model that made the labels.
    corrected : bool
        Whether a person changed them.
    """
    masks = np.stack([np.isin(labels, segment.values) for segment in segments], axis=-1)
    made_by = hd.AlgorithmIdentificationSequence(
        name=model, version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    kind = hd.seg.SegmentAlgorithmTypeValues
    told = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=segment.label,
            segmented_property_category=segment.category,
            segmented_property_type=segment.property,
            algorithm_type=kind.SEMIAUTOMATIC if corrected else kind.AUTOMATIC,
            algorithm_identification=made_by,
            anatomic_regions=[codes.SCT.Liver] if segment.property != codes.SCT.Liver else None,
            tracking_uid=identity.uid("segment", model, number),
            tracking_id=f"{model} {segment.label}",
        )
        for number, segment in enumerate(segments, start=1)
    ]
    with quietly():
        file = hd.seg.Segmentation(
            source_images=list(sources),
            pixel_array=masks.astype(np.uint8),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=told,
            pixel_measures=hd.PixelMeasuresSequence(
                pixel_spacing=spacing[1:], slice_thickness=spacing[0], spacing_between_slices=spacing[0]
            ),
            series_instance_uid=identity.uid("segmentation series", model),
            series_number=SERIES_NUMBER,
            sop_instance_uid=identity.uid("segmentation", model),
            instance_number=1,
            manufacturer="medscience",
            manufacturer_model_name="medscience",
            software_versions=__version__,
            device_serial_number="none",
            series_description=f"{model} on series {sources[0].get('SeriesNumber') or '?'}",
            content_label="LIVER",
        )
    with replaced(destination) as temporary:
        file.save_as(temporary)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep to ourselves what highdicom says of a source: it quotes the patient's name.

    Raises
    ------
    InputError
        In place of any error of its own.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise InputError(
            "EXPORT-SEG",
            field="the source's header",
            found=f"what a segmentation cannot repeat ({type(fault).__name__})",
            expected="a series with the attributes of its kind",
            fix="export the series again, or export NIfTI",
        ) from None
