"""Tables of measurements as Parquet files that know the digest of their own content.

Parquet's page checksums leave headers, footer and names unguarded; the digest covers what a reader gets.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medscience.errors import StoreError
from medscience.store.commit import canonical
from medscience.store.files import replaced

KEY = b"medscience"
"""Under this name the file's metadata holds the digests of inputs and content."""
RECORD = b"medscience-record"
"""And under this one, outside of what the digest covers, the circumstances of the run."""


def write_table(
    path: Path, table: pa.Table, inputs: Mapping[str, str], record: Mapping[str, Any] | None = None
) -> None:
    """Write a table, whole or not at all, with the digests of what it was made from.

    Parameters
    ----------
    path : Path
        ``NAME.parquet``.
    table : Table
        Columns of plain values.
    inputs : dict
        Digest of every input, by its role.
    record : dict, optional
        What is good to know and changes nothing, as plain JSON values.
    """
    stated = json.dumps({**inputs, "content": _content_digest(table, inputs)}, sort_keys=True)
    known = {KEY: stated, RECORD: json.dumps(dict(record or {}), sort_keys=True)}
    with replaced(path) as temporary:
        pq.write_table(table.replace_schema_metadata(known), temporary, write_page_checksum=True)


def read_table(path: Path) -> tuple[pa.Table, dict[str, str]]:
    """Return a table and the digests of its inputs.

    Raises
    ------
    StoreError
        If it is missing, no table of ours, or not as it was written.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        stated: dict[str, str] = json.loads((table.schema.metadata or {})[KEY])
        content = stated.pop("content")
        found = _content_digest(table, stated)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        reason = str(fault).partition("\n")[0]
        raise _altered(path, f"{type(fault).__name__}: {reason}") from fault
    if found != content:
        raise _altered(path, f"content with the digest {found[:12]}")
    return table, stated


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a table, or nothing if it cannot be read: no number hangs on it."""
    try:
        with pq.ParquetFile(path) as file:
            record = json.loads((file.schema_arrow.metadata or {})[RECORD])
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return {}
    return record if isinstance(record, dict) else {}


def _content_digest(table: pa.Table, inputs: Mapping[str, str]) -> str:
    columns = [[field.name, str(field.type), table[field.name].to_pylist()] for field in table.schema]
    return hashlib.sha256(canonical([columns, dict(inputs)])).hexdigest()


def _altered(path: Path, found: str) -> StoreError:
    return StoreError(
        "TABLE-ALTERED",
        file=path,
        field="content",
        found=found,
        expected="the table as it was written",
        fix="delete it and run the step again",
    )
