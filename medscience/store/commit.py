"""The commit: the file that makes a store a store.

``X.ome.zarr.commit.json`` lists every object of ``X.ome.zarr`` with size and sha256, what the content was
made from, and, beside that hashed part, a free record (times, memory, warnings). It is written last. The
file is canonical JSON, so that any altered bit of it is seen.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from medscience import __version__
from medscience.description import file_sha256
from medscience.errors import StoreError
from medscience.store.files import PASSING, patiently

SUFFIX = ".commit.json"
FORMAT = "medscience-commit-1"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the content of a store follows from, and therefore what changes it."""

    step: str
    settings: Mapping[str, Any]
    """Settings that change the answer, as plain JSON values."""
    inputs: Mapping[str, str]
    """Digest of every input, by its role."""
    code: str = __version__

    def as_json(self) -> dict[str, Any]:
        """Return the plain JSON form."""
        return {
            "step": self.step,
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
            "code": self.code,
        }

    @property
    def fingerprint(self) -> str:
        """Digest of all of it: equal fingerprints mean equal content."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Size in bytes and sha256 of one file of a store."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The content of a commit file."""

    objects: Mapping[str, StoredObject]
    provenance: Provenance
    record: Mapping[str, Any] = field(default_factory=dict)
    """What is good to know and changes nothing: times, host class, peak memory, repairs, warnings."""

    @property
    def _hashed(self) -> dict[str, Any]:
        objects = {key: [entry.size, entry.sha256] for key, entry in self.objects.items()}
        return {"format": FORMAT, "objects": objects, "provenance": self.provenance.as_json()}

    @property
    def digest(self) -> str:
        """Digest of the store: of everything but the record."""
        return hashlib.sha256(canonical(self._hashed)).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the commit file."""
        record = dict(self.record)
        record_digest = hashlib.sha256(canonical(record)).hexdigest()
        return canonical(
            {
                **self._hashed,
                "digest": self.digest,
                "record": record,
                "record_sha256": record_digest,
            }
        )


def canonical(value: object) -> bytes:
    """Return the one way in which we write a JSON value."""
    plain = json.loads(json.dumps(value, allow_nan=False))  # keys are text before they are sorted
    return (json.dumps(plain, sort_keys=True, indent=1) + "\n").encode("ascii")


def store_path(path: Path) -> Path:
    """Return the store's path, given that path or its commit's.

    >>> store_path(Path("a/x.ome.zarr.commit.json")).as_posix()
    'a/x.ome.zarr'

    Raises
    ------
    StoreError
        If the name does not end in ``.ome.zarr``.
    """
    path = path.with_name(path.name.removesuffix(SUFFIX))
    if not path.name.endswith(".ome.zarr") or path.name == ".ome.zarr":
        raise StoreError(
            "STORE-NAME",
            file=path,
            field="name",
            found=path.name,
            expected="NAME.ome.zarr",
            fix="name the store so",
        )
    return path


def commit_path(store: Path) -> Path:
    """Return the path of a store's commit."""
    return store.with_name(store.name + SUFFIX)


def read_commit(store: Path) -> Commit:
    """Return the commit of a store, checked against its own digests.

    Raises
    ------
    StoreError
        If there is none, or a bit of it was altered.
    """
    path = commit_path(store)
    try:
        content = patiently(path.read_bytes)
    except FileNotFoundError as fault:
        there = "a store without its commit" if store.exists() else "nothing"
        raise StoreError(
            "STORE-UNCOMMITTED",
            file=store,
            field="commit",
            found=there,
            expected=path.name,
            fix="run the step that makes it; what a killed run left behind is never read",
        ) from fault
    try:
        parsed = json.loads(content)
        commit = Commit(
            {key: StoredObject(*entry) for key, entry in parsed["objects"].items()},
            Provenance(**parsed["provenance"]),
            parsed["record"],
        )
        intact = commit.to_bytes() == content and all(map(_lies_within, commit.objects))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        intact = False
    if not intact:
        raise StoreError(
            "COMMIT-ALTERED",
            file=path,
            field="commit",
            found="bytes that do not match their own digests",
            expected="the file as it was written",
            fix="delete it and run the step again",
        )
    return commit


def _lies_within(key: str) -> bool:
    """Whether an object's key leads to a file of the store and to no other."""
    path = PurePosixPath(key)
    return str(path) == key != "." and not path.is_absolute() and ".." not in path.parts


def check_object(store: Path, key: str, entry: StoredObject) -> None:
    """Check that an object is the one that was committed, to the bit.

    Raises
    ------
    StoreError
        If it is another, is missing or is no plain file.
    OSError
        If the disk cannot be read: that says nothing of the object.
    """
    path, expected = store / key, f"sha256 {entry.sha256}"
    try:
        plain = stat.S_ISREG(path.lstat().st_mode)
        found = f"sha256 {patiently(partial(file_sha256, path))}" if plain else "no plain file"
    except OSError as fault:
        if fault.errno in PASSING:
            raise
        found = type(fault).__name__
    if found != expected:
        raise altered(store, key, found, expected)


def check_files(store: Path, commit: Commit) -> None:
    """Check that a store has exactly the committed objects, of the committed sizes.

    Raises
    ------
    StoreError
        If an object is missing, added, or of another size. Contents are not read.
    """
    found = {
        file.relative_to(store).as_posix(): file.lstat().st_size
        for file in store.rglob("*")
        if file.is_symlink() or not file.is_dir()
    }
    for key in sorted(found.keys() | commit.objects.keys()):
        entry = commit.objects.get(key)
        if entry is None or found.get(key) != entry.size:
            raise altered(
                store,
                key,
                f"{found[key]} bytes" if key in found else "nothing",
                f"{entry.size} bytes" if entry else "nothing",
            )


def altered(store: Path, key: str, found: str, expected: str) -> StoreError:
    """Return the error for an object that is not as it was committed."""
    return StoreError(
        "STORE-ALTERED",
        file=store / key,
        field="object",
        found=found,
        expected=expected,
        fix=f"delete {store.name}{SUFFIX} and run the step that makes it again",
    )
