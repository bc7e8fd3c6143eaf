"""The ledger: which blocks of a store are finished while the store is still being written.

It lies beside the staging folder, one line for each block, synced once the block's shards are. A rerun goes
on from there. Each line begins with its own digest, so that a torn one counts for nothing; and a block is
believed only if its shards are on disk as its line says.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medscience.store.commit import StoredObject
from medscience.store.files import replaced
from medscience.store.grid import Shape

log = logging.getLogger(__name__)

FORMAT = "medscience-ledger-1"

Region = tuple[slice, ...]
Corners = tuple[tuple[int, int], ...]
"""Where a region starts and stops along each axis: a slice is no key before Python 3.12."""
Objects = Mapping[str, StoredObject]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The finished blocks of one staging folder."""

    path: Path
    block: Shape
    """Sides of the blocks: shards were chosen by them, so a rerun keeps them or starts afresh."""
    resumed: int = 0
    """How often a rerun went on from here."""
    finished: dict[Corners, Objects] = field(default_factory=dict)
    """By block, the objects that were written for it."""

    def begin(self) -> None:
        """Write the ledger anew: the old one is there until the new one is whole."""
        header = {"format": FORMAT, "block": self.block, "resumed": self.resumed}
        lines = [_line(header), *(_entry(block, objects) for block, objects in self.finished.items())]
        with replaced(self.path) as temporary:
            temporary.write_bytes(b"".join(lines))

    def add(self, region: Region, objects: Objects) -> None:
        """Note that a block is finished, once its objects are durable."""
        with self.path.open("ab") as file:
            file.write(_entry(_corners(region), objects))
            file.flush()
            os.fsync(file.fileno())
        self.finished[_corners(region)] = objects

    def has(self, region: Region) -> bool:
        """Whether a block is finished."""
        return _corners(region) in self.finished

    def checked(self, folder: Path) -> "Ledger":
        """Return the ledger of a rerun: with those blocks whose objects in a folder are as written."""
        kept = {}
        for block, objects in self.finished.items():
            if all(_is_intact(folder / key, entry) for key, entry in objects.items()):
                kept[block] = objects
            else:
                log.warning("a finished block in %s was damaged: it is done again", folder)
        return replace(self, resumed=self.resumed + 1, finished=kept)

    @property
    def objects(self) -> dict[str, StoredObject]:
        """Every object of the finished blocks."""
        return {key: entry for objects in self.finished.values() for key, entry in objects.items()}


def read_ledger(path: Path) -> Ledger | None:
    """Return the ledger at a path, or None if there is none that names a finished block."""
    lines = _whole_lines(path)
    if len(lines) < 2 or lines[0].get("format") != FORMAT:
        return None
    header, *entries = lines
    finished: dict[Corners, Objects] = {
        tuple((start, stop) for start, stop in entry["block"]): {
            key: StoredObject(*facts) for key, facts in entry["objects"].items()
        }
        for entry in entries
    }
    return Ledger(path, tuple(header["block"]), header["resumed"], finished)


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines that were written to their end."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = []
    for line in content.splitlines(keepends=True):
        digest, _, text = line.partition(b" ")
        if digest == _digest(text):
            whole.append(json.loads(text))
    return whole


def _entry(block: Corners, objects: Objects) -> bytes:
    return _line({"block": block, "objects": {key: [e.size, e.sha256] for key, e in objects.items()}})


def _line(content: Mapping[str, object]) -> bytes:
    text = json.dumps(content).encode("ascii") + b"\n"
    return _digest(text) + b" " + text


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode("ascii")


def _corners(region: Region) -> Corners:
    return tuple((part.start, part.stop) for part in region)


def _is_intact(path: Path, entry: StoredObject) -> bool:
    try:
        if path.stat().st_size != entry.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except OSError:
        return False
