"""The ledger of verdicts: append-only, whole after a crash, and altered by nobody unseen.

An SQLite database in WAL mode with ``synchronous=FULL``: a verdict that `Ledger.save` returned is on the
disk. Each row holds the digest of its content and of the row before. Beside it lies ``ledger.db.chain``, a
line for each save, by which a database that was copied without its write-ahead log, or was put back from an
older copy, is told from the one that was written.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from medscience.errors import MismatchError, StoreError
from medscience.machine.mounts import file_system, is_network
from medscience.review.chain import Chain
from medscience.review.database import create, ledger_fault, refuse_strangers, reported, settle
from medscience.review.entry import COLUMNS, Entry, entry_of, row_of
from medscience.review.verdict import Verdict
from medscience.store.lease import leased

log = logging.getLogger(__name__)

NAME = "ledger.db"
"""Of the ledger in the folder of corrections."""
PATIENCE = 60.0
"""Seconds that a writer waits for the others."""


class Ledger:
    """All verdicts on the results of a project, oldest first.

    Parameters
    ----------
    path : Path
        ``corrections/ledger.db``; made if it is not there.
    read_only : bool
        Only look at it; then it must be there, may lie anywhere, and others go on saving.
    alone : bool
        Keep everyone else out until `close`, with a journal that needs no memory shared between processes:
        the one way in which a ledger may lie on a file system that several machines see.

    Raises
    ------
    StoreError
        If it is no ledger, was altered, or is not all there; or lies where many writers are not safe.
    """

    def __init__(self, path: Path, *, read_only: bool = False, alone: bool = False) -> None:
        self.path = path
        self.chain = Chain(path.with_name(path.name + ".chain"))
        self.read_only = read_only or (path.exists() and not _writable(path))
        """Whether it can only be looked at."""
        self._alone = alone
        self._lock = threading.Lock()
        self._open = ExitStack()
        try:
            self._begin()
        except BaseException:
            self._open.close()
            raise

    @property
    def folder(self) -> Path:
        """The folder of corrections."""
        return self.path.parent

    def save(self, verdict: Verdict) -> Entry:
        """Keep a verdict, and return it once it is on the disk.

        One that was saved already is returned as it was: to say it again after an interruption is safe.

        Raises
        ------
        MismatchError
            If another verdict was saved under the same `save_id`.
        StoreError
            If it could not be kept.
        """
        if self.read_only:
            raise ledger_fault(
                self.path,
                "LEDGER-READ-ONLY",
                "file",
                "opened only to be read, or no right to write",
                "a ledger that can be written",
                "ask for the right to write to it and to its folder",
            )
        with self._lock, reported(self.path, "LEDGER-NOT-SAVED"), self._transaction():
            entry, is_new = self._known(verdict), False
            if entry is None:
                entry, is_new = Entry.after(self._last(), verdict), True
                marks = ", ".join("?" * len(COLUMNS))
                self._database.execute(
                    f"INSERT INTO verdicts ({', '.join(COLUMNS)}) VALUES ({marks})",  # noqa: S608 - our names
                    row_of(entry),
                )
        if is_new or not self.chain.reaches(entry):
            self.chain.add(entry)
        return entry

    def entries(self, model: str | None = None, sample: str | None = None) -> tuple[Entry, ...]:
        """Return the verdicts on a model's results, on a sample, on both or all, in the order of saving.

        Raises
        ------
        StoreError
            If one of them was altered.
        """
        wanted = {"model": model, "sample": sample}
        given = {name: value for name, value in wanted.items() if value is not None}
        which = " AND ".join(f"{name} = ?" for name in given) or "1"
        with self._lock, reported(self.path, "LEDGER-DAMAGED"):
            return tuple(self._rows(f"WHERE {which} ORDER BY sequence", tuple(given.values())))

    def verify(self) -> int:
        """Check every row, the chain that they make and the file beside; return how many there are.

        Raises
        ------
        StoreError
            If anything is not as it was written.
        """
        seen = self.chain.newest()
        before: Entry | None = None
        with self._lock, reported(self.path, "LEDGER-DAMAGED"):
            for entry in self._rows("ORDER BY sequence", ()):
                if not entry.follows(before):
                    raise self._altered(f"verdict {entry.sequence}", "one that does not follow from the last")
                if seen and entry.sequence == seen[0] and entry.digest != seen[1]:
                    raise self._altered(f"verdict {entry.sequence}", "not the one that was saved")
                before = entry
        count = before.sequence if before else 0
        if seen and count < seen[0]:
            raise ledger_fault(
                self.path,
                "LEDGER-CUT",
                "verdicts",
                f"{count}, though {seen[0]} were saved",
                "all of them",
                f"put back the files that lay beside it, {self.path.name}-wal above all; "
                "hand verdicts over with medscience review export, never by copying",
            )
        return count

    def close(self) -> None:
        """Let go of the files."""
        self._open.close()

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *fault: object) -> None:
        """Let go of the files."""
        self.close()

    def _begin(self) -> None:
        if not self.read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_network()
            if self._alone:
                self._open.enter_context(leased(self.path))
            create(self.path, self.chain, alone=self._alone)
        refuse_strangers(self.path, self.chain)
        self._open.enter_context(closing(self._database))
        with reported(self.path, "LEDGER-DAMAGED"):
            settle(self._database, self.path, read_only=self.read_only, alone=self._alone)
        self.verify()
        if not _writable(self.path):
            log.warning("%s can only be read: no verdict can be saved", self.path)

    def _refuse_network(self) -> None:
        kind = file_system(self.path.parent)
        if is_network(kind) and not self._alone:
            raise ledger_fault(
                self.path,
                "LEDGER-NETWORK",
                "file system",
                f"{kind}, which several machines may see",
                "a disk of this machine: SQLite's log of changes is not safe elsewhere",
                "put the corrections on a local disk, or let one writer at a time in with --alone",
            )

    @cached_property
    def _database(self) -> sqlite3.Connection:
        place = quote(str(self.path.absolute()))
        shared = _writable(self.path) and (self._alone or not is_network(file_system(self.path.parent)))
        how = "rw" if shared else "ro" if self._log_of_changes.exists() else "ro&immutable=1"
        return sqlite3.connect(
            f"file:{place}?mode={how}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )

    @property
    def _log_of_changes(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write as the only one: what is read inside is still so when it is written."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _known(self, verdict: Verdict) -> Entry | None:
        """Return the entry of a verdict that was saved already."""
        for entry in self._rows("WHERE save_id = ?", (verdict.save_id,)):
            if entry.verdict == verdict:
                return entry
            raise MismatchError(
                "LEDGER-SAVE-ID",
                file=self.path,
                field="save_id",
                found=f"another verdict under {verdict.save_id}, the {entry.sequence}th",
                expected="a new identifier for each verdict",
                fix="save it under one of its own",
            )
        return None

    def _last(self) -> Entry | None:
        return next(self._rows("ORDER BY sequence DESC LIMIT 1", ()), None)

    def _rows(self, which: str, values: tuple[Any, ...]) -> Iterator[Entry]:
        query = f"SELECT {', '.join(COLUMNS)} FROM verdicts {which}"  # noqa: S608 - parts are our own
        for row in self._database.execute(query, values):
            entry = entry_of(row)
            if entry is None:
                raise self._altered(f"verdict {row[0]}", "a row that does not match its own digest")
            yield entry

    def _altered(self, field: str, found: str) -> StoreError:
        return ledger_fault(
            self.path,
            "LEDGER-ALTERED",
            field,
            found,
            "the rows as they were written",
            "put it back from a copy",
        )


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
