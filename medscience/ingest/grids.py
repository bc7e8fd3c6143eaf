"""How large a source is, from headers alone: for forecasts of a thousand samples before the first is read."""

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from medscience.geometry import Geometry
from medscience.ingest import freesurfer, metaimage, nifti, nrrd
from medscience.ingest.dicom.content import is_dicom
from medscience.ingest.dicom.files import File
from medscience.ingest.dicom.header import read_instance

IN_HEADERS: dict[str, Callable[[Path], Geometry]] = {
    **dict.fromkeys((".nii", ".nii.gz"), nifti.grid_in_header),
    **dict.fromkeys((".mha", ".mhd"), metaimage.grid_in_header),
    **dict.fromkeys((".nrrd", ".nhdr"), nrrd.grid_in_header),
    **dict.fromkeys((".mgh", ".mgz"), freesurfer.grid_in_header),
}
"""By the end of a file's name."""
MOST_FILES = 100_000
"""Files of a folder that are counted."""


def grid_in_header(source: Path) -> Geometry | None:
    """Return the grid of a source, or about that of a DICOM folder; None if more would have to be read.

    Of a DICOM folder one file is opened and the others are counted, as if it held one series of slices that
    do not overlap: rather too large than too small.

    Raises
    ------
    MedscienceError
        If a header is inconsistent.
    """
    if source.is_dir():
        return _of_slices(source)
    name = source.name.lower()
    reader = next((reader for end, reader in IN_HEADERS.items() if name.endswith(end)), None)
    return reader(source) if reader else None


def _of_slices(folder: Path) -> Geometry | None:
    files = list(islice((Path(at, name) for at, _, names in os.walk(folder) for name in names), MOST_FILES))
    first = next((path for path in sorted(files)[:10] if _has_slice(path)), None)
    if first is None:
        return None
    values = read_instance(File(first)).values
    rows, columns = (values.binary(name) or 1 for name in ("Rows", "Columns"))
    frames = values.integer("NumberOfFrames") or len(files)
    thickness = values.decimal("SpacingBetweenSlices") or values.decimal("SliceThickness") or 1.0
    y, x = values.decimals("PixelSpacing", 2) or (1.0, 1.0)
    return Geometry.own((frames, rows, columns), (thickness, y, x))


def _has_slice(path: Path) -> bool:
    with path.open("rb") as stream:
        return is_dicom(stream)
