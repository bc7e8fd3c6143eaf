"""What a training leaves: a model, and the papers that say how far to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medscience.description import Label
from medscience.measure.agreement import METRICS, Agreement, summary
from medscience.measure.statistics import Interval, bootstrap
from medscience.models.save import save_model
from medscience.store.files import write_whole
from medscience.training.card import card
from medscience.training.checkpoint import Checkpoint
from medscience.training.curves import write_curves
from medscience.training.job import Job
from medscience.training.made import write_record
from medscience.training.validate import Judge


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model reached on the samples of a split."""

    split: str
    samples: tuple[str, ...]
    patients: int
    agreements: tuple[Agreement, ...]

    def interval(self, metric: str, label: int) -> Interval | None:
        """Return the mean over samples of a label's metric; None where it is nowhere defined."""
        values = [METRICS[metric](seen, label) for seen in self.agreements]
        known = [value for value in values if value is not None]
        return bootstrap(known) if known else None

    def mean(self, metric: str) -> Interval | None:
        """Return the mean over samples of the labels' mean."""
        known = [value for seen in self.agreements if (value := summary(seen, metric)) is not None]
        return bootstrap(known) if known else None


def judged(job: Job, judge: Judge, split: str) -> Judged:
    """Run the network with its present weights on the samples that the judge has."""
    pairs = [example.pair for example in judge.examples]
    seen = tuple(judge.agreements(job.network))
    names = tuple(pair.sample for pair in pairs)
    return Judged(split, names, len({pair.patient for pair in pairs}), seen)


def write_product(folder: Path, name: str, job: Job, state: Checkpoint, results: Sequence[Judged]) -> Path:
    """Write the model's folder, the model file last; return its path.

    Parameters
    ----------
    folder : Path
        ``results/models/NAME``.
    state : Checkpoint
        The last; the model gets the best weights in it.
    results : sequence of Judged
        What these weights reach on each split that there is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = job.design.output.labels
    write_curves(folder, state, job.recipe.best_by)
    write_whole(folder / "samples.tsv", _rows(results, labels))
    write_record(folder, state, _samples(job))
    write_whole(folder / "card.md", card(name, job, state, results))
    tensors = {key: value.numpy().copy() for key, value in state.best.items()}
    train = job.of("train")
    patients = len({example.pair.patient for example in train})
    description = job.design.model_dump(exclude={"weights", "known_answer", "accuracy"}) | {
        "name": name,
        "weights": {
            "source": f"medscience train {job.design.name}",
            "trained_on": f"{len(train)} samples of {patients} patients; licence: "
            f"{job.recipe.card.data_licence}",
        },
        "accuracy": _accuracy(results, labels),
    }
    return save_model(folder, description, tensors)


def _rows(results: Sequence[Judged], labels: Sequence[Label]) -> str:
    """Every metric of every label of every sample that was held back."""
    rows = ["\t".join(["sample", "split", "label", "name", *METRICS])]
    for result in results:
        for sample, seen in zip(result.samples, result.agreements, strict=True):
            for label in labels:
                values = [metric(seen, label.value) for metric in METRICS.values()]
                cells = ["" if value is None else f"{value:.6g}" for value in values]
                rows.append("\t".join([sample, result.split, str(label.value), label.name, *cells]))
    return "\n".join(rows) + "\n"


def _samples(job: Job) -> dict[str, dict[str, object]]:
    return {
        example.pair.sample: {
            "split": example.pair.split,
            "image": example.digests[0],
            "labels": example.digests[1],
        }
        for example in job.examples
    }


def _accuracy(results: Sequence[Judged], labels: Sequence[Label]) -> list[Mapping[str, Any]]:
    """The entries of the model file: Dice of every label on every split."""
    entries: list[Mapping[str, Any]] = []
    for result in results:
        data = f"{len(result.samples)} {result.split} samples of {result.patients} patients"
        for label in labels[1:]:
            interval = result.interval("dice", label.value)
            if interval:
                metric = f"Dice, {label.name}, before post-processing: mean and 95 % interval {interval}"
                entries.append({"data": data, "metric": metric, "value": round(interval.mean, 4)})
    return entries
