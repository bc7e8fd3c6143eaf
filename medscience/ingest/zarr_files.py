"""The files of a Zarr store in a folder: which there are, and its JSON documents, read without trust."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from medscience.errors import InputError
from medscience.ingest.stamp import Stamp

LARGEST_DOCUMENT = 16 << 20
"""Bytes of a JSON document; consolidated metadata of many arrays are long."""
MARKERS = {2: (".zgroup", ".zarray", ".zattrs"), 3: ("zarr.json",)}
"""Names of the documents by version of the format."""

Document = TypeVar("Document", bound="Loose")


class Loose(BaseModel):
    """A JSON object of which we check what we know, and ignore the rest."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


def refused(
    root: Path, code: str, field: str, found: object, expected: object, fix: str = "write the store again"
) -> InputError:
    """Return an error about a part of a store."""
    return InputError(f"OMEZARR-{code}", file=root, field=field, found=found, expected=expected, fix=fix)


def is_zarr(path: Path) -> bool:
    """Whether a path leads to a folder that is, or is named like, a Zarr store."""
    names = [name for group in MARKERS.values() for name in group]
    return path.is_dir() and (path.name.endswith(".zarr") or any((path / name).exists() for name in names))


class StoreFiles:
    """The plain files of a store, by their keys; a store with anything else in it is refused.

    Attributes
    ----------
    root : Path
        The store.
    files : dict of str to Path
        Every file but those that a killed writer left unfinished (``*.partial``).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = dict(sorted(self._walk(root)))
        self.stamp = Stamp.of(*self.files.values())

    def _walk(self, folder: Path) -> Iterator[tuple[str, Path]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    yield from self._walk(path)
                elif not stat.S_ISREG(mode):
                    found = "a link" if stat.S_ISLNK(mode) else "no plain file"
                    key = path.relative_to(self.root).as_posix()
                    raise refused(self.root, "LINK", key, found, "files and folders", "copy what it leads to")
                elif not entry.name.endswith(".partial"):
                    yield path.relative_to(self.root).as_posix(), path

    def sha256(self) -> str:
        """Digest of all files: of the lines ``DIGEST  KEY`` in the order of their keys."""
        lines = (f"{Stamp.of(path).sha256()}  {key}\n" for key, path in self.files.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def version(self, folder: str = "") -> int:
        """Return the version of the format in which a group or array is described."""
        found = [
            version
            for version, names in MARKERS.items()
            if any(_join(folder, name) in self.files for name in names)
        ]
        if len(found) != 1:
            said = "both .z... files of version 2 and zarr.json" if found else "no zarr.json, no .zattrs"
            expected = "one description, of version 2 or of version 3"
            raise refused(self.root, "VERSION", folder or "root", said, expected)
        return found[0]

    def json(self, key: str) -> Any:  # noqa: ANN401
        """Return a JSON document.

        Raises
        ------
        InputError
            If it is missing, no JSON, or a key stands in it twice.
        """
        path = self.files.get(key)
        if path is None:
            raise refused(self.root, "METADATA", key, "no such file", "a JSON document")
        try:
            if path.stat().st_size > LARGEST_DOCUMENT:
                raise ValueError("too long")
            return json.loads(path.read_bytes(), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as fault:
            raise refused(self.root, "METADATA", key, fault, "a JSON document") from fault

    def document(self, kind: type[Document], content: object, where: str) -> Document:
        """Return a JSON value as what it should be."""
        try:
            return kind.model_validate(content)
        except ValidationError as fault:
            first = fault.errors()[0]
            field = f"{where}: {'.'.join(map(str, first['loc']))}"
            found = "nothing" if first["type"] == "missing" else f"{first['input']!r:.80}"
            raise refused(self.root, "METADATA", field, found, first["msg"]) from fault


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands there twice")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON")
