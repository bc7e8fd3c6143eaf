"""Writing a store so that it is there whole, or not at all.

Everything is written into ``X.ome.zarr.staging-{fingerprint}`` under a lease, synced, renamed, and only
then committed. A killed writer leaves a staging folder, or a store without its commit: no reader accepts
either, and the next writer deletes both, unless a ledger says which of their blocks are finished and worth
going on from.
"""

import glob
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medscience.errors import StoreError
from medscience.store.commit import (
    Commit,
    Provenance,
    check_files,
    commit_path,
    read_commit,
    store_path,
)
from medscience.store.files import create_once, remove, sync, sync_tree
from medscience.store.grid import Shape
from medscience.store.lease import Lease, leased
from medscience.store.ledger import Ledger, read_ledger
from medscience.store.objects import RecordingStore
from medscience.store.record import circumstances

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Staging:
    """A store that is being written."""

    objects: RecordingStore
    ledger: Ledger | None = None
    """Where finished blocks are noted; None if the work is done again in full after an interruption."""
    record: dict[str, Any] = field(default_factory=dict)
    """Goes into the commit beside the hashed part, and before what this process knows of itself."""

    @property
    def path(self) -> Path:
        """The staging folder."""
        return self.objects.root


def is_done(destination: Path, provenance: Provenance) -> bool:
    """Whether this very content is committed at a destination already.

    Raises
    ------
    StoreError
        If other content is committed there: nothing is overwritten in silence.
    """
    store = store_path(destination)
    if not commit_path(store).exists():
        return False
    commit = read_commit(store)
    if commit.provenance.fingerprint != provenance.fingerprint:
        raise StoreError(
            "STORE-EXISTS",
            file=store,
            field="fingerprint",
            found=f"a {commit.provenance.step} of other inputs or settings",
            expected="nothing, or this same result",
            fix=f"delete {commit_path(store).name}, or choose another name",
        )
    check_files(store, commit)
    log.info("%s is there already, with the same inputs and settings", store)
    return True


def _no_crash(point: str) -> None:
    """Tests pass a function that dies at a named point."""


def interrupted(destination: Path, provenance: Provenance) -> Shape | None:
    """Return the sides of the blocks that an interrupted run of this very work finished, or None.

    `staged` goes on from them if it is called with the same sides.
    """
    ledger = read_ledger(_beside(store_path(destination), "ledger", provenance))
    return ledger.block if ledger else None


@contextmanager
def staged(
    destination: Path,
    provenance: Provenance,
    at: Callable[[str], None] = _no_crash,
    block: Shape | None = None,
) -> Iterator[Staging]:
    """Write a store and commit it when the block ends without an error.

    Parameters
    ----------
    destination : Path
        ``X.ome.zarr`` or its commit's path.
    provenance : Provenance
        What the content follows from.
    at : callable
        Called with the name of each point at which a crash is told apart.
    block : tuple of int, optional
        Sides of the blocks in which the work is done. With them, finished blocks are kept when it is
        interrupted or fails, and a rerun with the same provenance and sides goes on from there.

    Raises
    ------
    StoreError
        If another writer is at work there, or something is committed there.
    """
    store = store_path(destination)
    store.parent.mkdir(parents=True, exist_ok=True)
    started = time.time()
    with leased(store) as lease:
        if commit_path(store).exists():
            is_done(store, provenance)
            raise StoreError(
                "STORE-EXISTS",
                file=store,
                field="commit",
                found="this same result, written meanwhile",
                expected="nothing",
                fix="use it",
            )
        staging = _begin(store, provenance, block)
        try:
            yield staging
            at("written")
            record = {**circumstances(started), **staging.record}
            _commit(staging, store, Commit(staging.objects.objects, provenance, record), lease, at)
        finally:
            ledger = staging.ledger
            if ledger is None or not ledger.finished or commit_path(store).exists():
                remove(staging.path)
                remove(_beside(store, "ledger", provenance))


def _begin(store: Path, provenance: Provenance, block: Shape | None) -> Staging:
    """Make way for a new store: of what other runs left, only finished blocks of this work stay."""
    folder, notes = (_beside(store, kind, provenance) for kind in ("staging", "ledger"))
    _make_staging_of_uncommitted(store, folder)
    ledger = _go_on(notes, folder, block) if block else None
    _discard_leftovers(store, keep={folder, notes} if ledger and ledger.finished else set())
    folder.mkdir(exist_ok=True)
    if ledger is None:
        return Staging(RecordingStore(folder))
    objects = ledger.objects
    for file in folder.rglob("*"):
        if not file.is_dir() and file.relative_to(folder).as_posix() not in objects:
            file.unlink()
    ledger.begin()
    resumed = {"times": ledger.resumed, "blocks": len(ledger.finished)}
    return Staging(RecordingStore(folder, objects=objects), ledger, {"resumed": resumed})


def _go_on(path: Path, folder: Path, block: Shape) -> Ledger:
    """Return the ledger of an interrupted run, checked, or a new one if there is none of these blocks."""
    found = read_ledger(path)
    if found is None:
        return Ledger(path, block)
    if found.block != block:
        log.info("%s is begun afresh: finished blocks are of %s, now %s", folder, found.block, block)
        return Ledger(path, block)
    checked = found.checked(folder)
    log.info("going on with %s, of which %d blocks are finished", folder, len(checked.finished))
    return checked


def _beside(store: Path, kind: str, provenance: Provenance) -> Path:
    return store.with_name(f"{store.name}.{kind}-{provenance.fingerprint[:16]}")


def _commit(staging: Staging, store: Path, commit: Commit, lease: Lease, at: Callable[[str], None]) -> None:
    """Make the staged store durable, give it its name, and commit it."""
    check_files(staging.path, commit)
    sync_tree(staging.path)
    lease.check()
    at("synced")
    staging.path.rename(store)
    sync(store.parent)
    at("renamed")
    create_once(commit_path(store), commit.to_bytes())
    at("committed")


def _make_staging_of_uncommitted(store: Path, folder: Path) -> None:
    """Make a staging folder again of a store that was renamed and never committed.

    A store of someone else's making is not ours to touch.
    """
    if not os.path.lexists(store):
        return
    if store.is_symlink() or not _is_ours(store):
        raise StoreError(
            "STORE-FOREIGN",
            file=store,
            field="zarr.json",
            found="a link" if store.is_symlink() else "something that medscience did not write",
            expected="nothing",
            fix="move it away, or choose another name",
        )
    remove(folder)
    store.rename(folder)


def _discard_leftovers(store: Path, keep: set[Path]) -> None:
    """Delete what runs that did not finish left beside a store."""
    name = glob.escape(store.name)
    partial = f".{glob.escape(commit_path(store).name)}.*.partial", f".{name}.ledger-*.partial"
    for pattern in (f"{name}.staging-*", f"{name}.ledger-*", *partial):
        for left in store.parent.glob(pattern):
            if left not in keep:
                log.info("deleting %s, left by a run that did not finish", left)
                remove(left)


def _is_ours(store: Path) -> bool:
    try:
        return "medscience" in json.loads((store / "zarr.json").read_bytes())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
