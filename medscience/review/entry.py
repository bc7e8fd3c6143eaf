"""A verdict in the ledger: its place, and the digest that chains it to the one before."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medscience.errors import InputError
from medscience.review.verdict import DECISIONS, LONGEST_REASON, LONGEST_TIME, Verdict
from medscience.store.commit import canonical

VERSION = 1
COLUMNS = (
    "sequence",
    "save_id",
    "sample",
    "model",
    "decision",
    "reason",
    "reviewer",
    "time",
    "seconds",
    "shown_image",
    "shown_labels",
    "shown_model",
    "correction_path",
    "correction_digest",
    "blind",
    "previous",
    "digest",
)
SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE verdicts (
  sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
  save_id TEXT NOT NULL UNIQUE CHECK (length(save_id) = 32),
  sample TEXT NOT NULL,
  model TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN {DECISIONS}),
  reason TEXT NOT NULL CHECK (length(CAST(reason AS BLOB)) <= {LONGEST_REASON}),
  reviewer TEXT NOT NULL,
  time TEXT NOT NULL,
  seconds REAL NOT NULL CHECK (seconds BETWEEN 0 AND {LONGEST_TIME:.0f}),
  shown_image TEXT NOT NULL CHECK (length(shown_image) = 64),
  shown_labels TEXT NOT NULL CHECK (length(shown_labels) = 64),
  shown_model TEXT NOT NULL CHECK (length(shown_model) = 64),
  correction_path TEXT NOT NULL,
  correction_digest TEXT NOT NULL,
  blind INTEGER NOT NULL CHECK (blind IN (0, 1)),
  previous TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64)
);
CREATE INDEX cases ON verdicts (model, sample);
CREATE TRIGGER never_changed BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER never_deleted BEFORE DELETE ON verdicts BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A verdict that is on the disk."""

    sequence: int
    """Its place, from 1: the order of verdicts, whatever the clocks say."""
    verdict: Verdict
    previous: str
    """Digest of the entry before; empty for the first."""
    digest: str
    """Of the verdict, its place and `previous`."""

    @classmethod
    def after(cls, before: "Entry | None", verdict: Verdict) -> "Entry":
        """Return the entry that follows another, or the first."""
        sequence, previous = (before.sequence + 1, before.digest) if before else (1, "")
        return cls(sequence, verdict, previous, _digest(sequence, verdict, previous))

    def follows(self, before: "Entry | None") -> bool:
        """Whether nothing lies between another entry and this one."""
        return (self.sequence, self.previous) == ((before.sequence + 1, before.digest) if before else (1, ""))


def row_of(entry: Entry) -> tuple[Any, ...]:
    """Return an entry as values for `COLUMNS`."""
    said = entry.verdict
    correction = (said.correction.path, said.correction.digest) if said.correction else ("", "")
    return (
        entry.sequence,
        said.save_id,
        said.sample,
        said.model,
        said.decision,
        said.reason,
        said.reviewer,
        said.time.isoformat(),
        float(said.seconds),
        said.shown.image,
        said.shown.labels,
        said.shown.model,
        *correction,
        int(said.blind),
        entry.previous,
        entry.digest,
    )


def entry_of(row: Sequence[Any]) -> Entry | None:
    """Return the entry in a row; None if a bit of it is not as it was written."""
    cells = dict(zip(COLUMNS, row, strict=True))
    shown = {name: cells.pop(f"shown_{name}") for name in ("image", "labels", "model")}
    correction = {name: cells.pop(f"correction_{name}") for name in ("path", "digest")}
    sequence, previous, digest = (cells.pop(name) for name in ("sequence", "previous", "digest"))
    edits = correction if any(correction.values()) else None
    blind = {0: False, 1: True}.get(cells.pop("blind"))
    try:
        verdict = Verdict.from_json(cells | {"shown": shown, "correction": edits, "blind": blind})
    except InputError:
        return None
    entry = Entry(sequence, verdict, previous, digest)
    intact = _digest(sequence, verdict, previous) == digest and row_of(entry) == tuple(row)
    return entry if intact else None


def _digest(sequence: int, verdict: Verdict, previous: str) -> str:
    return hashlib.sha256(canonical([sequence, verdict.as_json(), previous])).hexdigest()
