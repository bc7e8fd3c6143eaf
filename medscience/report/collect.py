"""What a cohort's report shows.

A sample is done when it is measured. One that is not, or whose files cannot be read, becomes a
failure with one line; it never stops the report.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from medscience import __version__
from medscience.config.settings import Cohort, Settings
from medscience.config.sheet import Sample
from medscience.errors import ConfigError, one_line
from medscience.kinds import AnyModel, read_any_model
from medscience.measure.lesions import LESIONS
from medscience.measure.livers import LIVERS
from medscience.measure.notes import NOTES
from medscience.measure.regions import SCHEMA
from medscience.measure.scores import Scores
from medscience.progress import Tell, nobody
from medscience.report.breaths import BreathResult, read_breath
from medscience.report.budget import share
from medscience.report.compare import Comparison, comparisons
from medscience.report.failures import UNREADABLE, Failure, failure_of, find_failure, find_record
from medscience.report.livers import read_liver, scores_by_model
from medscience.report.pictures import Pictures
from medscience.report.results import Result, read_result, table_path
from medscience.report.reviewed import Reviewed, reviewed
from medscience.report.strikes import StrikeResult, read_strike
from medscience.review.reviews import Reviews


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model, the cautions that go with it, and its results."""

    name: str
    file: AnyModel | None
    """None if the model file cannot be read."""
    cautions: tuple[str, ...]
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class CohortReport:
    """Everything that the page shows."""

    made: datetime
    version: str
    """Of medscience."""
    samples: int
    """Number of samples in the sheet."""
    tracks: frozenset[str]
    """Kinds of samples in the sheet."""
    models: tuple[ModelReport, ...]
    failures: tuple[Failure, ...]
    comparisons: tuple[Comparison, ...]
    measurements: pa.Table
    """The rows of all results, with the columns of `medscience.measure.regions.SCHEMA`."""
    strikes: tuple[StrikeResult, ...]
    """Results of recordings of a steelpan."""
    notes: pa.Table
    """Their rows, with the columns of `medscience.measure.notes.NOTES`."""
    scores: tuple[tuple[str, Scores], ...]
    """How models do on livers, by name, where there are references."""
    lesions: pa.Table
    """Rows of all livers, with the columns of `medscience.measure.lesions.LESIONS`."""
    livers: pa.Table
    """A row for each of them, with the columns of `medscience.measure.livers.LIVERS`."""
    breaths: tuple[BreathResult, ...]
    """Results of chests that breathe."""
    settings: Settings
    config: Path
    """The file of the settings."""
    reviewed: tuple[Reviewed, ...] = ()
    """What people said, in the order of the cohort."""

    @property
    def results(self) -> tuple[Result, ...]:
        """Of all models."""
        return tuple(result for model in self.models for result in model.results)

    @property
    def all_results(self) -> tuple[Result | StrikeResult | BreathResult, ...]:
        """Of all models and tracks."""
        return (*self.results, *self.strikes, *self.breaths)

    @property
    def flagged(self) -> int:
        """Number of samples with a result that a person should look at."""
        return len({result.sample.name for result in self.results if result.flags})

    @property
    def rejected(self) -> int:
        """Number of samples of which people rejected at least one model's result."""
        return len({case.sample for case in self.reviewed if case.standing.decision == "reject"})

    @property
    def decided(self) -> int:
        """Number of results that people decided about."""
        return sum(case.standing.decision is not None for case in self.reviewed)

    @property
    def failed(self) -> int:
        """Number of samples that at least one model is not done with."""
        return len({failure.sample for failure in self.failures})


def collect(
    cohort: Cohort,
    results: Path,
    models: Path,
    config: Path,
    tell: Tell = nobody,
    reviews: Reviews | None = None,
) -> CohortReport:
    """Return what there is of a cohort's results, and why the rest is missing.

    Parameters
    ----------
    cohort : Cohort
        Samples, and the models that run on them.
    results : Path
        The folder of images, predictions, labels, measurements and failure records.
    models : Path
        The folder of model files, ``{model}.yaml``; one that cannot be read is left out.
    config : Path
        The file that the cohort's settings were read from.
    tell : callable
        Hears of every result.
    reviews : Reviews, optional
        What people said: what they rejected is left out, and what they corrected stands as they left it.
    """
    said = reviews or Reviews()
    room = share(len(cohort.samples), len(cohort.pairs) + len(said.corrections))
    pictures = Pictures(room)
    found: list[Result | StrikeResult | BreathResult | Failure] = []
    for number, (model, name) in enumerate(cohort.pairs):
        tell(number, len(cohort.pairs))
        if not said.rejected(model, name):
            correction = said.corrections.get((model, name))
            sample = cohort.sample(name)
            found.append(_outcome(results, model, sample, pictures, correction, room.image))
    done = [outcome for outcome in found if isinstance(outcome, Result)]
    strikes = tuple(outcome for outcome in found if isinstance(outcome, StrikeResult))
    livers = [result.liver for result in done if result.liver]
    breaths = tuple(outcome for outcome in found if isinstance(outcome, BreathResult))
    failures = dict.fromkeys(outcome for outcome in found if isinstance(outcome, Failure))
    names = dict.fromkeys(model for model, _ in cohort.pairs)
    return CohortReport(
        made=datetime.now(UTC),
        version=__version__,
        samples=len(cohort.samples),
        tracks=frozenset(sample.track for sample in cohort.samples),
        models=tuple(_model_report(name, models, done) for name in names),
        failures=tuple(failures),
        comparisons=tuple(comparisons(cohort.samples, done)),
        measurements=pa.concat_tables([SCHEMA.empty_table(), *(result.table for result in done)]),
        strikes=strikes,
        notes=pa.concat_tables([NOTES.empty_table(), *(strike.table for strike in strikes)]),
        scores=tuple(scores_by_model(done)),
        lesions=pa.concat_tables([LESIONS.empty_table(), *(liver.tables[0] for liver in livers)]),
        livers=pa.concat_tables([LIVERS.empty_table(), *(liver.tables[1] for liver in livers)]),
        breaths=breaths,
        settings=cohort.settings,
        config=config,
        reviewed=tuple(reviewed(cohort, said, done)),
    )


def _outcome(
    results: Path, model: str, sample: Sample, pictures: Pictures, correction: Path | None, most: int
) -> Result | StrikeResult | BreathResult | Failure:
    """Return a result, or why there is none; measurements outlive the record of an earlier run."""
    if not table_path(results, model, sample.name).exists():
        return find_failure(results, model, sample)
    try:
        if sample.track == "steelpan":
            return read_strike(results, model, sample, most)
        if sample.track == "cbct4d":
            return read_breath(results, model, sample, most)
        result = read_result(results, model, sample, pictures, correction)
        if sample.track != "liver_ct":
            return result
        liver = read_liver(results, result)
        return replace(result, liver=liver, runs=(*result.runs, liver.run))
    except UNREADABLE as fault:
        return find_record(results, model, sample) or failure_of(fault, model, sample)


def _model_report(name: str, models: Path, done: list[Result]) -> ModelReport:
    file: AnyModel | None
    try:
        file = read_any_model(models / f"{name}.yaml")
    except ConfigError:
        file = None
    results = tuple(result for result in done if result.model == name)
    cautions = [file.caution if file else None, *(result.caution for result in results)]
    unique = dict.fromkeys(one_line(caution) for caution in cautions if caution)
    return ModelReport(name, file, tuple(unique), results)
