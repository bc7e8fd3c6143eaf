"""What a person says of a sample's labels by one model."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from medscience.config.sheet import NAME
from medscience.errors import InputError

Decision = Literal["accept", "accept-with-edits", "reject", "defer"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

LONGEST_REASON = 64 << 10
"""Bytes of UTF-8."""
LONGEST_TIME = 1e7
"""Seconds; nobody looks at one case for four months."""
DIGEST = r"[0-9a-f]{64}"
REVIEWER = r"[^\W_][\w.@-]{0,63}"
"""Letters of any script, digits and . @ - _ : a name that can stand in a path."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was on the screen, by digest."""

    image: str
    """Of the image's store."""
    labels: str
    """Of the store of labels: the model's, or an earlier correction."""
    model: str
    """Of the model file."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The labels that a verdict puts in the place of those that were shown."""

    path: str
    """``{model}/{sample}/{n}.ome.zarr``, of ellipses ``{n}.parquet``, below the folder of corrections."""
    digest: str
    """Of the store; of a table of ellipses the sha256 of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one person says, once.

    Raises
    ------
    InputError
        If a part of it has not its form: nothing else is ever kept.
    """

    save_id: str
    """32 hexadecimal digits (`uuid.uuid4().hex`), chosen once: to save it again changes nothing."""
    sample: str
    model: str
    decision: Decision
    reason: str = ""
    """Free text, kept as it is; needed to reject."""
    reviewer: str
    time: datetime
    """When it was said, in UTC. The order of verdicts follows from the ledger, not from this."""
    seconds: float
    """How long the reviewer looked and worked."""
    shown: Shown
    correction: Correction | None = None
    """What was corrected; None without edits."""
    blind: bool = False
    """Whether it is a second reader's, who saw nobody else's verdict: it is compared, and decides nothing."""

    def __post_init__(self) -> None:
        for name, found, expected in self._faults():
            raise _refused(name, found, expected)

    def _faults(self) -> "list[tuple[str, object, str]]":
        """Every part that has not its form: its name, what it is, and what it should be."""
        checks = {
            "save_id": (_is(r"[0-9a-f]{32}", self.save_id), self.save_id, "32 hexadecimal digits"),
            "sample": (_is(NAME, self.sample), self.sample, "a name of the sheet"),
            "model": (_is(NAME, self.model), self.model, "a model's name"),
            "decision": (self.decision in DECISIONS, self.decision, f"one of {', '.join(DECISIONS)}"),
            "reviewer": (_is(REVIEWER, self.reviewer), self.reviewer, "letters, digits and . @ - _"),
            "time": (_is_utc(self.time), self.time, "a time in UTC"),
            "seconds": (_is_duration(self.seconds), self.seconds, f"0 to {LONGEST_TIME:g}"),
            "blind": (isinstance(self.blind, bool), self.blind, "true or false"),
            "reason": self._reason(),
            "correction": self._correction(),
        }
        checks |= {
            f"shown {name}": (_is(DIGEST, digest), digest, "a sha256 in hexadecimal digits")
            for name, digest in asdict(self.shown).items()
        }
        return [(name, found, expected) for name, (right, found, expected) in checks.items() if not right]

    def _reason(self) -> tuple[bool, object, str]:
        try:
            size = len(self.reason.encode())
        except (UnicodeEncodeError, AttributeError):
            return False, "what is no text", "text"
        if self.decision == "reject" and not self.reason.strip():
            return False, "nothing", "why it is rejected"
        return size <= LONGEST_REASON, f"{size} bytes", f"{LONGEST_REASON} at most"

    def _correction(self) -> tuple[bool, object, str]:
        if self.correction is None or self.decision != "accept-with-edits":
            right = (self.correction is None) == (self.decision != "accept-with-edits")
            return right, self.correction or "none", "one where edits are accepted, and only there"
        form = rf"{re.escape(self.model)}/{re.escape(self.sample)}/[1-9][0-9]{{0,8}}\.(ome\.zarr|parquet)"
        right = _is(form, self.correction.path) and _is(DIGEST, self.correction.digest)
        return right, self.correction.path, f"{self.model}/{self.sample}/N.ome.zarr, and its digest"

    def as_json(self) -> dict[str, Any]:
        """Return the plain JSON form, which `from_json` reads."""
        return asdict(self) | {"time": self.time.isoformat()}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> "Verdict":
        """Return the verdict of `as_json`.

        Raises
        ------
        InputError
            If a key is missing or unknown, or a part has not its form.
        """
        try:
            given = dict(parts)
            shown, correction = Shown(**given.pop("shown")), given.pop("correction")
            time = datetime.fromisoformat(given.pop("time")).astimezone(UTC)
            return cls(
                shown=shown,
                correction=None if correction is None else Correction(**correction),
                time=time,
                **given,
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as fault:
            raise _refused("keys", f"{type(fault).__name__}: {fault}", "those of a verdict") from fault


def _is(form: str, text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(form, text) is not None


def _is_utc(time: object) -> bool:
    return isinstance(time, datetime) and time.utcoffset() is not None and not time.utcoffset()


def _is_duration(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_TIME


def _refused(name: str, found: object, expected: str) -> InputError:
    short = repr(found)[:80] if isinstance(found, str) else found
    return InputError("VERDICT-FORM", field=name, found=short, expected=expected, fix="correct it")
