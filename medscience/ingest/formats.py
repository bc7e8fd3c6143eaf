"""Which reader reads what."""

from pathlib import Path

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.content import is_dicom
from medscience.ingest.dicom.read import open_dicom
from medscience.ingest.nifti import open_nifti
from medscience.ingest.source import Source

READERS = {".nii": open_nifti, ".nii.gz": open_nifti}
"""Reader by the end of a file's name; DICOM is known by its bytes, whatever it is called."""

DICOM_ENDINGS = (".dcm", ".dicom", ".ima", ".zip")


def open_source(path: Path, choices: Choices | None = None) -> Source:
    """Open a source with the reader for its format.

    Parameters
    ----------
    path : Path
        A file, or the folder of a DICOM series.
    choices : Choices, optional
        What to do where the source leaves a question open.

    Raises
    ------
    InputError
        If there is no such file, or no reader for it.
    """
    if not path.is_file() and not path.is_dir():
        raise InputError(
            "INPUT-MISSING",
            file=path,
            field="source",
            found="no plain file" if path.exists() else "nothing",
            expected="a file that can be read, or a folder",
            fix="correct the path in the sample sheet",
        )
    for ending, reader in READERS.items():
        if path.name.lower().endswith(ending) and path.is_file():
            return reader(path)
    if path.is_dir() or path.name.lower().endswith(DICOM_ENDINGS) or _is_dicom(path):
        return open_dicom(path, choices)
    raise InputError(
        "INPUT-FORMAT",
        file=path,
        field="format",
        found=f"{''.join(path.suffixes) or 'no ending'}",
        expected=f"one of {', '.join(READERS)}, or DICOM: a folder, {', '.join(DICOM_ENDINGS)}",
        fix="convert it to NIfTI; other formats are not read yet",
    )


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return is_dicom(stream)
