"""Task03 of the Medical Segmentation Decathlon: ``dataset.json``, and the files that it lists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medscience.config.sheet import NAME
from medscience.errors import ConfigError
from medscience.ingest.layouts.rows import Row, checked, is_file

LIST = "dataset.json"
LARGEST_LIST = 1 << 20
"""Bytes."""
LABELS = {"0": ("background",), "1": ("liver",), "2": ("cancer", "tumour", "tumor")}
"""What the numbers must stand for."""
EXPECTED = f"{LIST} of Task03, and every file that it lists"


def msd(folder: Path) -> tuple[Row, ...]:
    """Return the samples that a folder's list names, the test images at the end.

    Raises
    ------
    ConfigError
        If the list is of other labels or another modality, or names files that are missing, empty, outside of
        the folder or there twice; all of that at once.
    """
    told = _read(folder / LIST)
    faults = list(_head_faults(told))
    rows: list[Row] = []
    for entry in _entries(told, "training", "numTraining", faults):
        image, label = (
            (entry.get(key) for key in ("image", "label")) if isinstance(entry, dict) else ("", None)
        )
        if isinstance(image, str) and isinstance(label, str):
            rows.append(_row(folder, image, label))
        else:
            faults.append("training: an entry without image and label")
    for entry in _entries(told, "test", "numTest", faults):
        image = entry.get("image") if isinstance(entry, dict) else entry
        if isinstance(image, str):
            rows.append(_row(folder, image, None))
        else:
            faults.append("test: an entry that is no path")
    faults += _row_faults(folder, rows)
    return checked(folder, rows, faults, EXPECTED)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_LIST:
            raise ValueError(f"more than {LARGEST_LIST} bytes")
        told = json.loads(path.read_bytes())
        if not isinstance(told, dict):
            raise ValueError("no table of keys")
    except (OSError, ValueError, RecursionError) as fault:
        raise ConfigError(
            "COHORT-LIST",
            file=path,
            field=LIST,
            found="no file" if isinstance(fault, FileNotFoundError) else type(fault).__name__,
            expected="the list that comes with Task03, as JSON",
            fix="name the folder in which Task03_Liver was unpacked",
        ) from fault
    return told


def _head_faults(told: dict[str, Any]) -> Iterator[str]:
    labels = told.get("labels")
    named = {str(k): str(v).lower() for k, v in labels.items()} if isinstance(labels, dict) else {}
    if set(named) != set(LABELS) or any(named[key] not in names for key, names in LABELS.items()):
        yield f"labels are {named or 'missing'}, not 0 background, 1 liver, 2 cancer"
    modality = told.get("modality")
    kinds = list(modality.values()) if isinstance(modality, dict) else modality
    if kinds != ["CT"]:
        yield f"modality is {kinds}, not CT"


def _entries(told: dict[str, Any], key: str, count: str, faults: list[str]) -> list[Any]:
    """Return a list of the list, which must be as long as it says."""
    entries = told.get(key, [])
    if not isinstance(entries, list):
        faults.append(f"{key} is no list")
        return []
    if told.get(count, len(entries)) != len(entries):
        faults.append(f"{count} is {told[count]}, but {key} has {len(entries)}")
    return entries


def _row(folder: Path, image: str, label: str | None) -> Row:
    source = folder / image
    name = source.name.removesuffix(".gz").removesuffix(".nii")
    return Row(name, source, None if label is None else folder / label, "" if label else "test")


def _row_faults(folder: Path, rows: list[Row]) -> Iterator[str]:
    seen: set[str] = set()
    inside = folder.resolve()
    for row in rows:
        if not re.fullmatch(NAME, row.sample):
            yield f"{row.source.name} makes no sample's name"
        if row.sample.casefold() in seen:
            yield f"{row.sample} is listed twice"
        seen.add(row.sample.casefold())
        for path in (row.source, row.reference):
            if path is None:
                continue
            if not path.resolve().is_relative_to(inside):
                yield f"{path} leads out of the folder"
            elif not is_file(path):
                yield f"{path} is missing or empty"
