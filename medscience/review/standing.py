"""What holds of a sample's labels after all that was said of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from medscience.review.entry import Entry
from medscience.review.verdict import Decision


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdicts on one sample's labels by one model, and what follows from them.

    The newest verdict decides, by the ledger's order. Verdicts on another image than there is now, and
    approvals or rejections of other labels than there are now, are kept and shown, and decide nothing; nor do
    blind ones.
    """

    entries: tuple[Entry, ...]
    """All of them, oldest first."""
    outdated: tuple[Entry, ...]
    """Those of them that were said of something else than what is there."""

    @property
    def valid(self) -> tuple[Entry, ...]:
        """Those that were said of what is there."""
        return tuple(entry for entry in self.entries if entry not in self.outdated)

    @property
    def newest(self) -> Entry | None:
        """The verdict that decides; None while nobody decided."""
        deciding = [e for e in self.valid if not e.verdict.blind and e.verdict.decision != "defer"]
        return deciding[-1] if deciding else None

    @property
    def decision(self) -> Decision | None:
        """What it decides."""
        return self.newest.verdict.decision if self.newest else None

    @property
    def last_of_each(self) -> tuple[Entry, ...]:
        """The newest verdict of every reviewer, blind ones apart, oldest first."""
        newest = {(entry.verdict.reviewer, entry.verdict.blind): entry for entry in self.valid}
        return tuple(sorted(newest.values(), key=lambda entry: entry.sequence))

    @property
    def conflict(self) -> tuple[Entry, ...]:
        """The verdicts of several people who do not say the same; empty if all agree.

        Two who corrected the same labels do not say the same, unless one approved of the other's correction.
        """
        said = [e for e in self.last_of_each if not e.verdict.blind and e.verdict.decision != "defer"]
        return tuple(said) if len({_labels_left(entry) for entry in said}) > 1 else ()

    @property
    def seconds(self) -> float:
        """Time that all people spent on it."""
        return sum(entry.verdict.seconds for entry in self.entries)


def _labels_left(entry: Entry) -> str:
    """Digest of the labels that would stand if this verdict decided; empty for none."""
    said = entry.verdict
    if said.decision == "reject":
        return ""
    return said.correction.digest if said.correction else said.shown.labels


def standing(entries: Iterable[Entry], image: str | None = None, labels: str | None = None) -> Standing:
    """Return what holds of one sample's labels by one model.

    Parameters
    ----------
    entries : iterable of Entry
        `Ledger.entries` of the model and the sample.
    image, labels : str, optional
        Digests of the image and of the model's labels that are there now; None where nobody can say.
    """
    known = tuple(entries)
    corrections = {entry.verdict.correction.digest for entry in known if entry.verdict.correction}
    outdated = tuple(entry for entry in known if _is_outdated(entry, image, labels, corrections))
    return Standing(known, outdated)


def _is_outdated(entry: Entry, image: str | None, labels: str | None, corrections: set[str]) -> bool:
    said = entry.verdict
    if image is not None and said.shown.image != image:
        return True
    if labels is None or said.correction is not None:  # a person's labels of this image stay that
        return False
    return said.shown.labels != labels and said.shown.labels not in corrections
