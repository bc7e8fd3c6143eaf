"""Writing a store so that it is there whole, or not at all.

Everything is written into ``X.ome.zarr.staging-{fingerprint}`` under a lease, synced, renamed, and only
then committed. A killed writer leaves a staging folder, or a store without its commit: no reader accepts
either, and the next writer deletes both.
"""

import glob
import json
import logging
import time
import uuid
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
from medscience.store.lease import Lease, leased
from medscience.store.objects import RecordingStore
from medscience.store.record import circumstances

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Staging:
    """A store that is being written."""

    objects: RecordingStore
    record: dict[str, Any] = field(default_factory=dict)
    """Goes into the commit beside the hashed part."""

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


@contextmanager
def staged(
    destination: Path, provenance: Provenance, at: Callable[[str], None] = _no_crash
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
        _discard_leftovers(store)
        staging = Staging(
            RecordingStore(store.with_name(f"{store.name}.staging-{provenance.fingerprint[:16]}"))
        )
        staging.path.mkdir()
        try:
            yield staging
            at("written")
            record = {**staging.record, **circumstances(started)}
            _commit(staging, store, Commit(staging.objects.objects, provenance, record), lease, at)
        finally:
            remove(staging.path)


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


def _discard_leftovers(store: Path) -> None:
    """Delete what killed writers left: staging folders, and a store without its commit.

    A store of someone else's making is not ours to delete.
    """
    if store.exists():
        if not _is_ours(store):
            raise StoreError(
                "STORE-FOREIGN",
                file=store,
                field="zarr.json",
                found="something that medscience did not write",
                expected="nothing",
                fix="move it away, or choose another name",
            )
        store.rename(store.with_name(f"{store.name}.discarded-{uuid.uuid4().hex}"))
    for kind in ("staging", "discarded"):
        for left in store.parent.glob(f"{glob.escape(store.name)}.{kind}-*"):
            log.info("deleting %s, left by a run that did not finish", left)
            remove(left)
    for left in store.parent.glob(f".{glob.escape(commit_path(store).name)}.*.partial"):
        left.unlink(missing_ok=True)


def _is_ours(store: Path) -> bool:
    try:
        return "medscience" in json.loads((store / "zarr.json").read_bytes())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
