"""Saying what differs: the full check of what was committed."""

from pathlib import Path

from medscience.description import MODEL_FORMAT, checked_beside
from medscience.errors import ConfigError, MedscienceError, ModelError, StoreError
from medscience.kinds import read_any_model
from medscience.progress import Tell, nobody
from medscience.store.commit import SUFFIX, check_files, check_object, read_commit, store_path
from medscience.store.tables import read_table


def verify(path: Path, tell: Tell = nobody) -> list[MedscienceError]:
    """Return everything that is wrong with a store, a table, a model, or all of them in a folder.

    Every byte is read. An empty list means that nothing differs.

    Parameters
    ----------
    path : Path
        A store, its commit, a table, a model file, or a folder with some of them at any depth.
    tell : callable
        Hears of the objects of a store, or of what there is in a folder.

    Raises
    ------
    StoreError
        If there is nothing at `path` that can be verified.
    """
    if path.name.endswith((".ome.zarr", SUFFIX)):
        return _verify_store(store_path(path), tell)
    if path.suffix == ".parquet" and path.is_file():
        return _verify_table(path)
    if path.suffix == ".yaml" and path.is_file():
        return _verify_model(path)
    inside = _verifiable(path) if path.is_dir() else []
    if not inside:
        raise StoreError(
            "VERIFY-NOTHING",
            file=path,
            field="path",
            found="nothing that carries checksums",
            expected="a store, its commit, a .parquet table, a model file, or a folder with some",
            fix="name what a step of the workflow wrote",
        )
    faults: list[MedscienceError] = []
    tell(0, len(inside))
    for done, found in enumerate(inside, start=1):
        faults += verify(found)
        tell(done, len(inside))
    return faults


def _verifiable(folder: Path) -> list[Path]:
    """What can be verified below a folder, without what a run in progress is writing."""
    stores = {file.with_name(file.name.removesuffix(SUFFIX)) for file in folder.rglob(f"*{SUFFIX}")}
    stores |= set(folder.rglob("*.ome.zarr"))
    models = {file for file in folder.rglob("*.yaml") if MODEL_FORMAT.encode() in file.read_bytes()}
    return sorted(stores | models | set(folder.rglob("*.parquet")))


def _verify_store(store: Path, tell: Tell) -> list[MedscienceError]:
    try:
        commit = read_commit(store)
    except StoreError as fault:
        return [fault]
    faults: list[MedscienceError] = []
    tell(0, len(commit.objects))
    for done, (key, entry) in enumerate(commit.objects.items(), start=1):
        try:
            check_object(store, key, entry)
        except StoreError as fault:
            faults.append(fault)
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


def _verify_model(path: Path) -> list[MedscienceError]:
    try:
        model = read_any_model(path)
    except ConfigError as fault:
        return [fault]
    faults: list[MedscienceError] = []
    for entry in (model.weights, model.known_answer):
        try:
            checked_beside(path, entry.file, entry.sha256)
        except ModelError as fault:
            faults.append(fault)
    return faults
