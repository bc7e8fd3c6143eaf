"""Whether files are still what they were when reading began."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from medscience.errors import InputError


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from another one at its path."""

    files: tuple[Path, ...]
    facts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, *files: Path) -> "Stamp":
        """Return the files' stamp as they are now."""
        return cls(files, tuple(map(_facts, files)))

    def also(self, *files: Path) -> "Stamp":
        """Return a stamp of more files, these as they are now."""
        more = Stamp.of(*files)
        return Stamp(self.files + more.files, self.facts + more.facts)

    def check(self) -> None:
        """Refuse files that are no longer what they were."""
        for file, was in zip(self.files, self.facts, strict=True):
            if _facts(file) != was:
                raise InputError(
                    "INPUT-CHANGED",
                    file=file,
                    field="size and time",
                    found="another file than when reading began",
                    expected="a file at rest",
                    fix="wait until it is written, then run again",
                )

    def sha256(self) -> str:
        """Digest of the files' bytes, one after the other: what ``cat FILES | sha256sum`` gives."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        return digest.hexdigest()


def _facts(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
