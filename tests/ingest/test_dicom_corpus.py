"""pydicom's own test files: every one that is a slice of a scan is read, and what is refused has a reason."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.testing import assert_array_equal
from pydicom.data import get_testdata_files

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.formats import open_source
from tests.ingest.contract import voxels

ANYTHING = Choices(accept=("single-slice", "no-rescale", "missing-slices"))

REFUSED = {
    # colours, which are no measurement: ultrasound and screen captures
    "DICOM-COLOUR": (
        *("ExplVR_BigEnd.dcm", "GDCMJ2K_TextGBR.dcm", "examples_jpeg2k.dcm", "examples_palette.dcm"),
        *("examples_rgb_color.dcm", "examples_ybr_color.dcm", "SC_"),
    ),
    # pictures that do not say how large their pixels are, or where they lie
    "DICOM-SPACING": ("JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm", "image_dfl.dcm"),
    "DICOM-NO-PLACE": ("JPEG-lossy.dcm", "JPGExtended.dcm", "JPEG2000"),
    # no scans: doses (badVR.dcm is one), segmentations
    "DICOM-NO-PIXELS": ("rtdose", "liver_", "badVR.dcm"),
    # defects: a codestream with another sign than its header, too few bytes
    "DICOM-SIGN": ("J2K_pixelrep_mismatch.dcm",),
    "DICOM-PIXELS": ("MR_truncated.dcm",),
}
"""Names, or how they begin, of files with pixels that are refused, by the code of the error."""

COMPUTED_RADIOGRAPHS = "dicomdirtests/77654033"
"""Projections, whose folder alone says what they are; they have no pixel spacing."""


def pictures():
    """The files that pydicom can read pixels from."""
    found = []
    for name in get_testdata_files():
        path = Path(name)
        if path.is_file() and not path.name.startswith("IM0000") and COMPUTED_RADIOGRAPHS not in name:
            dataset = pydicom.dcmread(path, force=True, specific_tags=["PixelData", "Rows"])
            if "PixelData" in dataset and "Rows" in dataset:
                found.append(path)
    return sorted(found)


def reason(path):
    for code, names in REFUSED.items():
        if path.name.startswith(names):
            return code
    return None


@pytest.mark.filterwarnings("ignore")
def test_every_slice_is_read_as_pydicom_reads_it_and_the_rest_is_refused_for_a_reason():
    read = 0
    for path in pictures():
        code = reason(path)
        if code:
            with pytest.raises(InputError, match=code):
                voxels(open_source(path, choices=ANYTHING))
            continue
        dataset = pydicom.dcmread(path)
        slope, intercept = (
            float(dataset.get(f"Rescale{name}", n)) for n, name in ((1, "Slope"), (0, "Intercept"))
        )
        found = voxels(open_source(path, choices=ANYTHING))
        assert_array_equal(found, np.reshape(dataset.pixel_array * slope + intercept, found.shape), path.name)
        read += 1
    assert read >= 35
