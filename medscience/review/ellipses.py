"""Corrections of recordings: tables of the ellipses that people moved, drew, counted or deleted."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from medscience.description import file_sha256
from medscience.detections import SCHEMA
from medscience.errors import MismatchError
from medscience.review.corrections import next_correction
from medscience.review.verdict import Correction
from medscience.store.tables import read_table, write_table


def save_ellipses(
    root: Path, owner: tuple[str, str], table: pa.Table, inputs: Mapping[str, str]
) -> Correction:
    """Write a table as a sample's next correction ``{n}.parquet``, and return what a verdict names.

    If the very same one lies there already, as a crash before the verdict leaves it, that is the one.

    Parameters
    ----------
    root : Path
        The folder of corrections.
    owner : tuple of str
        Model and sample.
    table : Table
        Of `medscience.detections.SCHEMA`.
    inputs : dict
        Digests of ``image``, ``detections`` (what was on the screen) and ``model``.
    """
    for known in sorted((root.joinpath(*owner)).glob("*.parquet")):
        if known.stat().st_size and read_table(known) == (table.replace_schema_metadata(), dict(inputs)):
            return ellipses_at(known)
    path = _reserved(root, owner)
    write_table(path, table, inputs)
    return ellipses_at(path)


def ellipses_at(path: Path) -> Correction:
    """Return what a verdict names of a correction ``…/{model}/{sample}/{n}.parquet``."""
    return Correction("/".join(path.parts[-3:]), file_sha256(path))


def read_ellipses(path: Path, image: str) -> pa.Table:
    """Return the ellipses of a recording as a person left them.

    Parameters
    ----------
    image : str
        Digest of the recording that they must belong to.

    Raises
    ------
    StoreError
        If the table is missing or was altered.
    MismatchError
        If it is none of ellipses, or of another recording.
    """
    table, inputs = read_table(path)
    checks = {
        "columns": (_columns(table.schema), _columns(SCHEMA)),
        "image digest": (inputs.get("image", "none")[:12], image[:12]),
    }
    for field, (found, expected) in checks.items():
        if found != expected:
            raise MismatchError(
                "CORRECTION-PAIR",
                file=path,
                field=field,
                found=found,
                expected=expected,
                fix="correct the ellipses of this very recording",
            )
    return table.replace_schema_metadata()


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _reserved(root: Path, owner: tuple[str, str]) -> Path:
    """Return an empty file that nobody else has: two people may save at once."""
    while True:
        path = next_correction(root, *owner, suffix=".parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
