"""Saying what differs: the full check of what was committed."""

import hashlib
from pathlib import Path

from medscience.errors import MedscienceError, StoreError
from medscience.progress import Tell, nobody
from medscience.store.commit import SUFFIX, altered, check_files, read_commit, store_path
from medscience.store.tables import read_table


def verify(path: Path, tell: Tell = nobody) -> list[MedscienceError]:
    """Return everything that is wrong with a store, a table, or all of them in a folder.

    Every byte is read. An empty list means that nothing differs.

    Parameters
    ----------
    path : Path
        A store, its commit, a table, or a folder with some of them at any depth.
    tell : callable
        Hears of the objects of a store, or of the stores and tables of a folder.

    Raises
    ------
    StoreError
        If there is nothing at `path` that can be verified.
    """
    if path.name.endswith((".ome.zarr", SUFFIX)):
        return _verify_store(store_path(path), tell)
    if path.suffix == ".parquet" and path.is_file():
        return _verify_table(path)
    inside = _verifiable(path) if path.is_dir() else []
    if not inside:
        raise StoreError(
            "VERIFY-NOTHING",
            file=path,
            field="path",
            found="nothing that carries checksums",
            expected="a store, its commit, a .parquet table, or a folder with some",
            fix="name what a step of the workflow wrote",
        )
    faults: list[MedscienceError] = []
    tell(0, len(inside))
    for done, found in enumerate(inside, start=1):
        faults += verify(found)
        tell(done, len(inside))
    return faults


def _verifiable(folder: Path) -> list[Path]:
    """Stores and tables below a folder, without what a run in progress is writing."""
    stores = {file.with_name(file.name.removesuffix(SUFFIX)) for file in folder.rglob(f"*{SUFFIX}")}
    stores |= set(folder.rglob("*.ome.zarr"))
    return sorted(stores | set(folder.rglob("*.parquet")))


def _verify_store(store: Path, tell: Tell) -> list[MedscienceError]:
    try:
        commit = read_commit(store)
    except StoreError as fault:
        return [fault]
    faults: list[MedscienceError] = []
    tell(0, len(commit.objects))
    for done, (key, entry) in enumerate(commit.objects.items(), start=1):
        try:
            with (store / key).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as fault:
            found = type(fault).__name__
        if found != entry.sha256:
            faults.append(altered(store, key, f"sha256 {found}", f"sha256 {entry.sha256}"))
        tell(done, len(commit.objects))
    if not faults:
        try:
            check_files(store, commit)
        except StoreError as fault:
            faults.append(fault)
    return faults


def _verify_table(path: Path) -> list[MedscienceError]:
    try:
        read_table(path)
    except StoreError as fault:
        return [fault]
    return []
