"""Files that are there whole or not at all, and that survive a power cut once they are there."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there replaces `path` at once on success.

    On an error the temporary file is deleted and `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def create_once(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet, whole and durable.

    Raises
    ------
    FileExistsError
        If `path` exists: of two writers one wins, the other learns of it.
    """
    temporary = _beside(path)
    try:
        write_durably(temporary, content)
        path.hardlink_to(temporary)
        sync(path.parent)
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
