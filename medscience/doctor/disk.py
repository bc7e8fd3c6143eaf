"""Folders: whether they can hold stores, tried for real, and how much more they take."""

import tempfile
from pathlib import Path
from shutil import disk_usage

from medscience.doctor.finding import Finding, State
from medscience.doctor.memory import gibibytes
from medscience.store.files import create_once, replaced, sync_tree, write_durably

LITTLE = 5 << 30
"""Bytes; a cohort of a few dozen scans takes more."""


def working_folder(folder: Path) -> Finding:
    """Whether the file system keeps the promises that stores are built on, tried in a folder of its own."""
    name = "working folder"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".medscience-doctor-") as inside:
            broken = _broken_promise(Path(inside))
            same = (Path(inside) / "NAME").exists()
    except OSError as fault:
        found = f"{folder}: {fault.strerror}"
        return Finding(
            name, State.MISSING, found, "go to a folder that you may write to, on a disk with room"
        )
    if broken:
        fix = "put the project on another file system: ext4, XFS, APFS and NFS do; FAT and exFAT cannot"
        return Finding(name, State.MISSING, f"{folder}: {broken}", fix)
    case = "a and A are the same name" if same else "a and A are two names"
    return _with_room(name, folder, f"{folder} can hold stores; {case}")


def temporary_folder(folder: Path) -> Finding:
    """Whether there is room for what programs put aside."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as fault:
        found = f"{folder}: {fault.strerror}"
        return Finding(
            "temporary files", State.WARNING, found, "run: export TMPDIR=... with a folder you may write to"
        )
    return _with_room("temporary files", folder, str(folder))


def _broken_promise(folder: Path) -> str:
    """What a file system does not do of all that a store needs; empty if it does everything."""
    step = "writing and syncing a file"
    try:
        write_durably(folder / "name", b"1")
        step = "replacing a file at once"
        with replaced(folder / "name") as temporary:
            temporary.write_bytes(b"2")
        step = "renaming a folder"
        (folder / "staging").mkdir()
        (folder / "staging").rename(folder / "store")
        step = "syncing a folder"
        sync_tree(folder)
        step = "linking a file, so that of two writers one wins,"
        create_once(folder / "commit", b"3")
    except OSError as fault:
        return f"{step} fails ({fault.strerror})"
    return _second_writer(folder / "commit")


def _second_writer(commit: Path) -> str:
    try:
        create_once(commit, b"4")
    except FileExistsError:
        return ""
    return "a second writer overwrites the first"


def _with_room(name: str, folder: Path, found: str) -> Finding:
    free = disk_usage(folder).free
    found = f"{found}; {gibibytes(free)} free"
    if free < LITTLE:
        return Finding(name, State.WARNING, found, "make room")
    return Finding(name, State.OK, found)
