"""Which reader reads what."""

from collections.abc import Callable
from pathlib import Path

from medscience.config.acquisition import is_scan
from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.container import ENDINGS
from medscience.ingest.dicom.content import is_dicom
from medscience.ingest.dicom.read import open_dicom
from medscience.ingest.frames import holds_frames, open_frames
from medscience.ingest.freesurfer import open_freesurfer
from medscience.ingest.metaimage import open_metaimage
from medscience.ingest.nifti import open_nifti
from medscience.ingest.nrrd import open_nrrd
from medscience.ingest.ome_zarr import open_ome_zarr, open_zipped
from medscience.ingest.phases import holds_phases, open_phases
from medscience.ingest.projections import open_projections
from medscience.ingest.source import Source
from medscience.ingest.tiff import open_tiff
from medscience.ingest.video import open_video
from medscience.ingest.zarr_files import is_zarr

READERS: dict[str, Callable[..., Source]] = {
    ".nii": open_nifti,
    ".nii.gz": open_nifti,
    ".mha": open_metaimage,
    ".mhd": open_metaimage,
    ".nrrd": open_nrrd,
    ".nhdr": open_nrrd,
    ".mgh": open_freesurfer,
    ".mgz": open_freesurfer,
    ".zarr.zip": open_zipped,
    **dict.fromkeys(ENDINGS, open_video),
    ".tif": open_tiff,
    ".tiff": open_tiff,
}
"""Reader by the end of a file's name; DICOM is known by its bytes, whatever it is called."""

VOLUMES = {ending: READERS[ending] for ending in (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")}
"""Readers of single volumes, of which a folder may hold one for each phase."""

DICOM_ENDINGS = (".dcm", ".dicom", ".ima", ".zip")


def open_source(path: Path, acquisition: Path | None = None, choices: Choices | None = None) -> Source:
    """Open a source with the reader for its format.

    Parameters
    ----------
    path : Path
        A file, or the folder of a DICOM series, of frames or of an OME-Zarr image.
    acquisition : Path, optional
        Says what a recording's file does not.
    choices : Choices, optional
        What to do where a DICOM series leaves a question open.

    Raises
    ------
    InputError
        If there is no such file, or no reader for it.
    """
    if is_zarr(path):
        return open_ome_zarr(path, acquisition)
    if path.exists() and acquisition is not None and is_scan(acquisition):
        return open_projections(path, acquisition)
    if path.is_dir() and holds_phases(path, VOLUMES):
        return open_phases(path, acquisition, VOLUMES)
    if path.is_dir():
        pictures = holds_frames(path) and (acquisition or not _holds_dicom(path))
        return open_frames(path, acquisition) if pictures else open_dicom(path, acquisition, choices)
    if not path.is_file():
        raise InputError(
            "INPUT-MISSING",
            file=path,
            field="source",
            found="no plain file" if path.exists() else "nothing",
            expected="a file that can be read, or a folder",
            fix="correct the path in the sample sheet",
        )
    for ending, reader in READERS.items():
        if path.name.lower().endswith(ending):
            return reader(path, acquisition)
    if path.name.lower().endswith(DICOM_ENDINGS) or _has_dicom_bytes(path):
        return open_dicom(path, acquisition, choices)
    raise InputError(
        "INPUT-FORMAT",
        file=path,
        field="format",
        found=f"{''.join(path.suffixes) or 'no ending'}",
        expected=f"one of {', '.join(READERS)}, DICOM, or the folder of an OME-Zarr image or of frames",
        fix="convert it to one of these without loss",
    )


def _has_dicom_bytes(path: Path) -> bool:
    with path.open("rb") as stream:
        return is_dicom(stream)


def _holds_dicom(folder: Path) -> bool:
    """Whether there is a DICOM file in a folder: pictures may lie beside a series, as on a clinic's disc."""
    return any(_has_dicom_bytes(path) for path in folder.rglob("*") if path.is_file())
