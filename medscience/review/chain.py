"""The file beside the ledger that remembers how far it went: ``SEQUENCE DIGEST``, a line for each save."""

import os
import re
from pathlib import Path

from medscience.review.entry import Entry
from medscience.store.files import naming, sync

LINE = re.compile(rb"^([1-9][0-9]{0,17}) ([0-9a-f]{64})$", re.MULTILINE)


class Chain:
    """What a ledger must at least contain.

    A line is added after its verdict is on the disk and before `save` returns, so the ledger may be ahead of
    it, and never behind. A line that a power cut tore counts for nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Make the file, empty, unless it is there."""
        os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        sync(self.path.parent)

    def add(self, entry: Entry) -> None:
        """Remember an entry; it is on the disk when this returns."""
        line = f"\n{entry.sequence} {entry.digest}\n".encode("ascii")  # after a torn line, on one of its own
        with naming(self.path):
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)

    def newest(self) -> tuple[int, str] | None:
        """Return place and digest of the newest verdict that was saved; None if there is none."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        lines = ((int(place), digest.decode("ascii")) for place, digest in LINE.findall(content))
        return max(lines, default=None)

    def reaches(self, entry: Entry) -> bool:
        """Whether an entry, or a later one, is remembered."""
        seen = self.newest()
        return seen is not None and seen[0] >= entry.sequence
