"""Which files belong to a source: a folder's, a zip's, a DICOMDIR's, or one alone."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path

from medscience.errors import InputError, about
from medscience.ingest.dicom.content import is_dicom, read_content
from medscience.ingest.dicom.values import Values
from medscience.ingest.source import Repair

ENDINGS = {".dcm", ".dicom", ".ima"}
"""Endings that promise DICOM."""
DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR."""
UNZIPPED_RATIO, UNZIPPED_FLOOR = 100, 256 << 20
"""An archive may hold this many times its size, or the floor."""
MOST_FILES = 200_000

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class File:
    """A file on the disk, or a member of an archive."""

    path: Path
    member: zipfile.ZipInfo | None = None
    archive: zipfile.ZipFile | None = None

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.path}!{self.member.filename}" if self.member else str(self.path)

    @property
    def leaf(self) -> str:
        """The last part of its name."""
        return Path(self.member.filename if self.member else self.path).name

    @property
    def promises_dicom(self) -> bool:
        """Whether its name says that it is a part of a scan: the endings in use, or those of a UID."""
        ending = Path(self.leaf).suffix.lower()
        return ending in ENDINGS or ending[1:].isdigit()

    @property
    def is_other(self) -> bool:
        """Whether it is a folder, hidden, or the list of a disc, which says nothing of its own."""
        parts = Path(self.member.filename if self.member else self.path.name).parts
        folder = self.member is not None and self.member.is_dir()
        return folder or parts[-1:] == ("DICOMDIR",) or any(map(_is_hidden, parts))

    @contextmanager
    def opened(self) -> Iterator[tuple[BufferedReader | BytesIO, int]]:
        """Open for reading; gives the stream and the number of bytes in it."""
        if self.member and self.archive:
            try:
                content = self.archive.read(self.member)
            except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as fault:
                raise _archive(self.name, "member", "one that cannot be unpacked", "whole members") from fault
            yield BytesIO(content), len(content)
        else:
            with self.path.open("rb") as stream:
                yield stream, os.fstat(stream.fileno()).st_size

    def sha256(self) -> str:
        """Return the digest of its bytes."""
        with self.opened() as (stream, _):
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def stamp(self) -> Stamp:
        """Size and time of what lies on the disk."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns


@dataclass(slots=True)
class Found:
    """The DICOM files of a source."""

    files: list[File]
    repairs: list[Repair]


def find_files(path: Path) -> Found:
    """Return the DICOM files of a source; the others are counted, and left.

    Parameters
    ----------
    path : Path
        A folder with all that is below it, a zip archive, a DICOMDIR or a DICOM file.

    Raises
    ------
    InputError
        If there is no DICOM file, a file that must be one is not, or a path leads out of the folder.
    """
    if path.is_dir():
        candidates = _folder(path)
    elif zipfile.is_zipfile(path) and path.suffix.lower() == ".zip":
        candidates = _zip(path)
    elif (listed := _directory(path)) is not None:
        return Found([File(one) for one in listed], [])
    else:
        return Found([File(path)], [])
    files, skipped = [], 0
    for file in candidates:
        if _belongs(file):
            files.append(file)
        else:
            skipped += 1
    if not files:
        raise InputError(
            "DICOM-NONE",
            file=path,
            field="files",
            found=f"{skipped} files, none of them DICOM",
            expected="a DICOM series",
            fix="correct the path",
        )
    repairs = (
        [Repair("DICOM-OTHER-FILES", "files", f"{skipped} that are no scan", "left out")] if skipped else []
    )
    return Found(files, repairs)


def _belongs(file: File) -> bool:
    """Whether a file is DICOM; one whose name says so must be."""
    if file.is_other:
        return False
    with file.opened() as (stream, size):
        if is_dicom(stream):
            return True
    if file.promises_dicom:
        raise InputError(
            "DICOM-FORMAT",
            file=file.name,
            field="magic number",
            found="an empty file" if size == 0 else "other bytes",
            expected="DICM at byte 128",
            fix="copy the file again, or take it out of the folder",
        )
    return False


def _folder(root: Path) -> Iterator[File]:
    """Every plain file below a folder, in the order of their names; hidden folders are left out."""
    count = 0
    inside = root.resolve()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise _outside(path, "a link that leads out of the folder")
            count += 1
            if count > MOST_FILES:
                raise InputError(
                    "DICOM-BUDGET",
                    file=root,
                    field="files",
                    found=f"more than {MOST_FILES}",
                    expected="the folder of one scan",
                    fix="name the folder that holds the series",
                )
            yield File(path)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _zip(path: Path) -> Iterator[File]:
    """The members of an archive, in the order of their names; nothing is written anywhere."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as fault:
        raise _archive(path, "archive", "a damaged directory", "a whole zip archive") from fault
    members = archive.infolist()
    promised = sum(member.file_size for member in members)
    if promised > max(UNZIPPED_FLOOR, UNZIPPED_RATIO * path.stat().st_size) or len(members) > MOST_FILES:
        found = f"{len(members)} members of {promised} bytes"
        raise _archive(path, "archive", found, f"at most {UNZIPPED_RATIO} times its size")
    if any(member.flag_bits & 1 for member in members):
        raise _archive(path, "archive", "members with a password", "an open archive")
    for member in sorted(members, key=lambda member: member.filename):
        yield File(path, member, archive)


def _directory(path: Path) -> list[Path] | None:
    """The images that a DICOMDIR lists; None if the file is none."""
    with path.open("rb") as stream, about(path):
        if not is_dicom(stream):
            return None
        content = read_content(stream, path.stat().st_size)
    values = Values((content.data,), content.order)
    if values.text("MediaStorageSOPClassUID") != DIRECTORY:
        return None
    root = path.parent.resolve()
    found = []
    for record in values.items("DirectoryRecordSequence"):
        entry = Values((record,), content.order)
        if entry.code("DirectoryRecordType") == "IMAGE":
            found.append(_listed(path, root, entry.text("ReferencedFileID").split("\\")))
    if not found:
        raise InputError(
            "DICOM-NONE",
            file=path,
            field="DirectoryRecordSequence",
            found="no images",
            expected="a list of images",
            fix="name the folder that holds the series",
        )
    return found


def _listed(path: Path, root: Path, parts: list[str]) -> Path:
    """The file that a record of a DICOMDIR names, which must lie in its folder."""
    if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        raise _outside(path, "a ReferencedFileID that is no path below the folder")
    file = path.parent.joinpath(*parts)
    if not file.resolve().is_relative_to(root):
        raise _outside(path, "a ReferencedFileID that leads out of the folder")
    if not file.is_file():
        raise InputError(
            "DICOM-MISSING-FILE",
            file=path,
            field="ReferencedFileID (0004,1500)",
            found=f"no file {file.relative_to(path.parent)}",
            expected="every file that it lists",
            fix="copy the whole disc, or name the folder instead",
        )
    return file


def _outside(path: Path, found: str) -> InputError:
    return InputError(
        "DICOM-OUTSIDE",
        file=path,
        field="path",
        found=found,
        expected="files below the folder that was named",
        fix="copy the files themselves into the folder",
    )


def _archive(file: Path | str, field: str, found: str, expected: str) -> InputError:
    return InputError(
        "DICOM-ARCHIVE",
        file=file,
        field=field,
        found=found,
        expected=expected,
        fix="unpack it, name the folder",
    )
