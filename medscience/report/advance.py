"""How far each sample of a run has come: from commits, tables, leases, ledgers and failure records alone.

Whoever asks may do so while the run goes on, from any machine that sees the folder; nothing is opened but
what says why a sample failed, and what says who writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from medscience.config.settings import Cohort
from medscience.config.sheet import Sample
from medscience.report.failures import WITHOUT_MODEL, find_record, steps_of
from medscience.store.commit import SUFFIX
from medscience.store.lease import is_held
from medscience.store.ledger import read_ledger


class State(Enum):
    """Where a sample stands; of several models the first that applies."""

    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Advance:
    """A sample and how far it has come."""

    sample: str
    state: State
    words: str = ""
    """What it fails of, does, or waits for."""


@dataclass(frozen=True, slots=True)
class Results:
    """The folder of results, each folder in it listed once."""

    path: Path
    _names: dict[Path, frozenset[str]] = field(default_factory=dict)

    def has(self, *parts: str) -> bool:
        """Whether there is a file."""
        *folders, name = parts
        return name in self.names(*folders)

    def names(self, *folders: str) -> frozenset[str]:
        """Return what a folder holds; nothing if there is none."""
        folder = self.path.joinpath(*folders)
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(path.name for path in folder.iterdir())
            except FileNotFoundError:
                self._names[folder] = frozenset()
        return self._names[folder]


def advances(cohort: Cohort, path: Path) -> Iterator[Advance]:
    """Yield how far each sample has come, in the order of the sheet.

    Parameters
    ----------
    cohort : Cohort
        Samples, and the models that run on them.
    path : Path
        The folder of results.
    """
    results, order = Results(path), list(State)
    for sample in cohort.samples:
        found = [_with(results, sample, model) for model in cohort.models_of(sample)]
        yield min(found, key=lambda advance: order.index(advance.state))


def _with(results: Results, sample: Sample, model: str) -> Advance:
    """How far a sample has come with one model."""
    step, product = _next(results, sample, model)
    if step != "lesions" and results.has("measurements", model, f"{sample.name}.parquet"):
        return Advance(sample.name, State.DONE)
    words = f"{step} {model}" if product and step not in WITHOUT_MODEL else step
    if product and _is_written(results, product):
        return Advance(sample.name, State.RUNNING, words + _finished(results, product))
    record = _record(results, sample, model)
    if record and not record.startswith("STOPPED"):
        return Advance(sample.name, State.FAILED, record)
    return Advance(sample.name, State.WAITING, f"for {words}" + ", which was stopped" * bool(record))


def _next(results: Results, sample: Sample, model: str) -> tuple[str, Path | None]:
    """Return the first step that is not done, and what it makes; None for the table at the end."""
    steps = steps_of(sample)
    for step, form in steps.items():
        if form is None or (step == "reference" and not sample.reference):
            continue
        product = Path(form.format(model=model, sample=sample.name))
        done = product.name + SUFFIX if product.suffix == ".zarr" else product.name
        if not results.has(*product.parent.parts, done):
            return step, product
    return list(steps)[-1], None


def _is_written(results: Results, product: Path) -> bool:
    leased = results.has(*product.parent.parts, f"{product.name}.lease")
    return leased and is_held(results.path / product)


def _finished(results: Results, product: Path) -> str:
    """How many blocks of a store are finished, where its writer keeps a ledger."""
    names = results.names(*product.parent.parts)
    ledgers = [name for name in names if name.startswith(f"{product.name}.ledger-")]
    found = [read_ledger(results.path / product.with_name(name)) for name in ledgers]
    blocks = max((len(ledger.finished) for ledger in found if ledger), default=0)
    return f", {blocks} block{'s' * (blocks > 1)} finished" if blocks else ""


def _record(results: Results, sample: Sample, model: str) -> str:
    """Return the line of the earliest failure record; empty if there is none."""
    for step in steps_of(sample):
        folders = ["failed", step] if step in WITHOUT_MODEL else ["failed", step, model]
        if results.has(*folders, f"{sample.name}.json"):
            found = find_record(results.path, model, sample)
            return found.line if found else ""
    return ""
