"""The file of a ledger: made whole or not at all, and trusted in nothing when it is opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from medscience.errors import StoreError
from medscience.review.chain import Chain
from medscience.review.entry import SCHEMA, VERSION
from medscience.store.files import sync


def create(path: Path, chain: Chain, *, alone: bool) -> None:
    """Make an empty ledger where there is none: whole, or not at all."""
    if path.exists():
        return
    if chain.newest():
        raise ledger_fault(
            path,
            "LEDGER-MISSING",
            "file",
            f"nothing, though {chain.path.name} tells of saved verdicts",
            "the ledger",
            "put it back from a copy, or import an export of it into another folder",
        )
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as database:
            temporary.chmod(0o600)
            database.executescript(SCHEMA)
            database.execute(f"PRAGMA journal_mode={'DELETE' if alone else 'WAL'}")
        chain.begin()
        sync(temporary)
        path.hardlink_to(temporary)
        sync(path.parent)
    except FileExistsError:  # of two that make it one is faster
        pass
    finally:
        temporary.unlink(missing_ok=True)


def refuse_strangers(path: Path, chain: Chain) -> None:
    """Refuse what cannot be a ledger before anything opens it."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as fault:
        raise ledger_fault(
            path, "LEDGER-MISSING", "file", "nothing", "a ledger", "review a sample first"
        ) from fault
    if head != b"SQLite format 3\0":
        raise ledger_fault(
            path,
            "LEDGER-FOREIGN",
            "first bytes",
            head or "an empty file",
            "a database of SQLite",
            "put the ledger back from a copy, or import an export of it into another folder",
        )
    if not chain.path.is_file():
        raise ledger_fault(
            path,
            "LEDGER-CUT",
            "files beside it",
            f"no {chain.path.name}",
            "the ledger and all files beside it",
            "put them back; hand verdicts over with medscience review export, never by copying",
        )


def settle(database: sqlite3.Connection, path: Path, *, read_only: bool, alone: bool) -> None:
    """Trust nothing in the file, check that it is ours, and choose how changes are kept."""
    for name, value in (("trusted_schema", "OFF"), ("cell_size_check", "ON"), ("synchronous", "FULL")):
        database.execute(f"PRAGMA {name}={value}")
    if alone and not read_only:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ledger_fault(
            path, "LEDGER-VERSION", "user_version", version, VERSION, "read it with a newer medscience"
        )
    if version != VERSION or _schema(database) != _our_schema():
        raise ledger_fault(
            path,
            "LEDGER-SCHEMA",
            "tables, triggers and views",
            "others than a ledger has",
            "a ledger as medscience made it",
            "put it back from a copy, or import an export of it into another folder",
        )
    if read_only:
        database.execute("PRAGMA query_only=ON")
    else:
        database.execute(f"PRAGMA journal_mode={'DELETE' if alone else 'WAL'}")


@contextmanager
def reported(path: Path, code: str) -> Iterator[None]:
    """Say in one line what SQLite found."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as fault:
        saving = code == "LEDGER-NOT-SAVED"
        raise ledger_fault(
            path,
            code,
            "SQLite",
            fault,
            "a verdict that is on the disk" if saving else "the database as it was written",
            "nothing was saved: mend it and save again" if saving else "put it back from a copy",
        ) from fault


def ledger_fault(path: Path, code: str, field: str, found: object, expected: object, fix: str) -> StoreError:
    """Return an error about a ledger."""
    return StoreError(code, file=path, field=field, found=found, expected=expected, fix=fix)


def _schema(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    return database.execute(query).fetchall()


def _our_schema() -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        return _schema(database)
