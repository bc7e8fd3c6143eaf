"""What stands of a project's reviews, for its workflow and its report."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medscience.description import file_sha256
from medscience.errors import StoreError
from medscience.review.corrections import FOLDER, newest_accepted
from medscience.review.entry import Entry
from medscience.review.ledger import NAME, Ledger
from medscience.review.standing import Standing, standing
from medscience.store.commit import read_commit

Case = tuple[str, str]
"""A model and a sample."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """The verdicts of a project, held against what its results are now."""

    cases: Mapping[Case, Standing] = field(default_factory=dict)
    corrections: Mapping[Case, Path] = field(default_factory=dict)
    """What stands in the place of a model's labels: a store or, of a recording, a table of ellipses."""

    def rejected(self, model: str, sample: str) -> bool:
        """Whether a sample's labels by a model are to be left out."""
        case = self.cases.get((model, sample))
        return case is not None and case.decision == "reject"

    @property
    def state(self) -> str:
        """A digest that changes with every verdict, and when one no longer holds."""
        said = [(case.entries[-1].digest, case.decision, len(case.outdated)) for case in self.cases.values()]
        return hashlib.sha256(repr(said).encode()).hexdigest()


def read_reviews(results: Path, folder: Path = FOLDER) -> Reviews:
    """Return the reviews of a project; none where nobody has reviewed anything.

    Parameters
    ----------
    results : Path
        The folder of images and labels: verdicts on others than lie there now do not stand.
    folder : Path
        The folder of corrections.

    Raises
    ------
    StoreError
        If the ledger was altered, or is not all there.
    """
    path = folder / NAME
    if not path.exists() and not path.with_name(f"{NAME}.chain").exists():
        return Reviews()
    with Ledger(path, read_only=True) as ledger:
        cases = {
            case: standing(entries, *_digests(results, *case))
            for case, entries in by_case(ledger.entries()).items()
        }
        found = {case: newest_accepted(ledger, *case, *_digests(results, *case)) for case in cases}
    return Reviews(cases, {case: path for case, path in found.items() if path})


def by_case(entries: Iterable[Entry]) -> dict[Case, list[Entry]]:
    """Return entries by model and sample, in their order."""
    cases: dict[Case, list[Entry]] = {}
    for entry in entries:
        cases.setdefault((entry.verdict.model, entry.verdict.sample), []).append(entry)
    return cases


def _digests(results: Path, model: str, sample: str) -> tuple[str | None, str | None]:
    """Digests of a sample's image and of its labels or ellipses, None for what is not there."""
    ellipses = results / f"detections/{model}/{sample}.parquet"
    image = _digest(results / f"images/{sample}.ome.zarr")
    if ellipses.exists():
        return image, file_sha256(ellipses)
    return image, _digest(results / f"labels/{model}/{sample}.ome.zarr")


def _digest(store: Path) -> str | None:
    try:
        return read_commit(store).digest
    except StoreError:  # missing, or damaged: whoever needs it says so
        return None
