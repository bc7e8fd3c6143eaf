"""A model's card: what a reader must know before trusting it (Mitchell et al. 2019, arXiv:1810.03993)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from medscience.measure.agreement import METRICS
from medscience.measure.statistics import Interval
from medscience.training.checkpoint import Checkpoint
from medscience.training.job import Job
from medscience.training.made import ending, opening

if TYPE_CHECKING:
    from medscience.training.product import Judged


def card(name: str, job: Job, state: Checkpoint, results: "Sequence[Judged]") -> str:
    """Return the card as Markdown."""
    return "\n".join(_lines(name, job, state, results)) + "\n"


def _lines(name: str, job: Job, state: Checkpoint, results: "Sequence[Judged]") -> Iterator[str]:
    design, about = job.design, job.recipe.card
    yield from opening(name, design, about)
    yield f"\n## Data\n\nLicence: {about.data_licence}.\n\n| split | samples | patients |\n|---|---|---|"
    for split in ("train", "validation", "test"):
        pairs = [example.pair for example in job.of(split)]
        yield f"| {split} | {len(pairs)} | {len({pair.patient for pair in pairs})} |"
    yield "\nNo patient, and no image under another name, is in two splits."
    yield "\n## What it reaches\n\nWhole images, before post-processing: mean over samples (95 % interval)."
    for result in results:
        yield from _table(result, job)
    yield f"\n![curves](curves.png)\n\nChosen by: {job.recipe.best_by} of the validation samples"
    yield "(so that their numbers are a little too good; those of test samples are not)."
    yield from ending(job.recipe.seed, state, job.gpu)


def _table(result: "Judged", job: Job) -> Iterator[str]:
    yield f"\n### {result.split}, {len(result.samples)} samples of {result.patients} patients\n"
    yield f"| label | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}"
    for label in job.design.output.labels[1:]:
        cells = [_cell(result.interval(metric, label.value)) for metric in METRICS]
        yield f"| {label.name} | {' | '.join(cells)} |"
    yield f"\nMean of the labels' Dice: {_cell(result.mean('dice'))};"
    yield f"with the background as a label: {_cell(result.mean('dice_with_background'))}."


def _cell(interval: Interval | None) -> str:
    return str(interval) if interval else "not defined"
