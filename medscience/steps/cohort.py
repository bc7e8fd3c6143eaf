"""Sample sheets of public data sets, from the folders in which they were unpacked."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from medscience.ingest.layouts.rows import Row

COLUMNS = ("sample", "track", "source", "reference", "split")

Folder = Annotated[Path, typer.Argument(help="where it was unpacked")]


def lits(folder: Folder) -> None:
    """Print the sheet of LiTS: volume-N.nii, segmentation-N.nii and test-volume-N.nii."""
    from medscience.ingest.layouts.lits import lits as rows_of

    _say(rows_of(folder))


def msd(folder: Folder) -> None:
    """Print the sheet of the Medical Segmentation Decathlon's Task03, from its dataset.json."""
    from medscience.ingest.layouts.msd import msd as rows_of

    _say(rows_of(folder))


def ircadb(
    folder: Folder,
    references: Annotated[
        Path, typer.Option(help="a folder for the labels, SAMPLE.nii.gz, made of the masks")
    ],
) -> None:
    """Print the sheet of 3DIRCADb-01, and write labels made of its masks: 1 liver, 2 tumour."""
    from medscience.export.nifti import write_nifti
    from medscience.ingest.layouts.ircadb import EXPECTED, merged_or_fault
    from medscience.ingest.layouts.ircadb import ircadb as patients_of
    from medscience.ingest.layouts.rows import Row, checked

    rows, faults = [], []
    for patient in patients_of(folder):
        labels = merged_or_fault(patient)
        if isinstance(labels, str):
            faults.append(labels)
            continue
        path = references / f"{patient.sample}.nii.gz"
        write_nifti(labels, path, is_labels=True, form_code=1)
        rows.append(Row(patient.sample, patient.scan, path))
    _say(checked(folder, rows, faults, EXPECTED))


def _say(rows: "Iterable[Row]") -> None:
    typer.echo("\t".join(COLUMNS))
    for row in rows:
        typer.echo("\t".join((row.sample, "liver_ct", str(row.source), str(row.reference or ""), row.split)))
