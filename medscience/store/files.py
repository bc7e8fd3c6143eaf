"""Files that are there whole or not at all, and that survive a power cut once they are there."""

import errno
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

PASSING = (errno.EIO, errno.ESTALE)
"""What a file system over a network may answer once, and not again."""
WAITS = (0.1, 0.5, 2.0)
"""Seconds before a file is tried again."""

Found = TypeVar("Found")


def patiently(task: Callable[[], Found]) -> Found:
    """Do what may be done again, and do so up to three times if the file system fails in passing.

    Raises
    ------
    OSError
        What the last attempt raised, or the first one if waiting would not help.
    """
    for wait in WAITS:
        try:
            return task()
        except OSError as fault:
            if fault.errno not in PASSING:
                raise
            log.warning("%s: trying again in %.1f seconds", fault, wait)
        time.sleep(wait)
    return task()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in errors of the operating system that do not: those of writing and syncing."""
    try:
        yield
    except OSError as fault:
        if fault.errno and fault.filename is None:
            fault.filename = str(path)
        raise


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there replaces `path` at once on success.

    On an error the temporary file is deleted and `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with naming(path):
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace what is at `path` by a text in UTF-8, with its line ends as they are."""
    with replaced(path) as temporary:
        temporary.write_text(text, "utf-8", newline="")


@contextmanager
def created(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, which must not exist; on success it gets that name at once.

    On an error the temporary folder is deleted.

    Raises
    ------
    FileExistsError
        If there is something of that name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    temporary = _beside(folder)
    temporary.mkdir()
    try:
        with naming(folder):
            yield temporary
            for below, _, names in os.walk(temporary):
                for name in names:
                    sync(Path(below, name))
            sync_tree(temporary)
            temporary.rename(folder)
            sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def create_once(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, whole and durable.

    Raises
    ------
    FileExistsError
        If `path` exists: of two writers one wins, the other learns of it.
    """
    temporary = _beside(path)
    try:
        with naming(path):
            write_durably(temporary, content)
            path.hardlink_to(temporary)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def put(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is durable before it has its name; the folder's list of names is synced later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with naming(path):
            write_durably(temporary, content)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes | memoryview) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until the disk has a file, or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has the names of everything below `folder`; the files are synced as written."""
    for below, _, _ in os.walk(folder):
        sync(Path(below))


def remove(path: Path) -> None:
    """Delete a file, or a folder that may be half deleted already; or nothing, if it is gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
