"""What the steps took: time and memory over all samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from medscience.report.breaths import BreathResult
from medscience.report.results import Result, Run
from medscience.report.strikes import StrikeResult


@dataclass(frozen=True, slots=True)
class Effort:
    """One step, over all samples that it was taken for."""

    step: str
    model: str | None
    """None for the step that all models share."""
    runs: int
    median_seconds: float | None
    longest_seconds: float | None
    total_seconds: float | None
    """None where no run says."""
    peak_memory_bytes: int | None
    promised_bytes: int | None
    """The most memory that a run was allowed to take; None where nothing was promised."""


def efforts(results: Sequence[Result | StrikeResult | BreathResult]) -> Iterator[Effort]:
    """Yield the effort of every step, in the order of the steps; an image's ingest counts once."""
    found: dict[tuple[str, str | None], dict[object, Run]] = {}
    for result in results:
        for run in result.runs:
            shared = run.step == "ingest"
            key = (run.step, None if shared else result.model)
            found.setdefault(key, {})[run.digest if shared else result.sample.name] = run
    for (step, model), runs in found.items():
        yield _effort(step, model, list(runs.values()))


def total_seconds(results: Sequence[Result | StrikeResult | BreathResult]) -> float:
    """Return the time of all steps together."""
    return sum(effort.total_seconds or 0.0 for effort in efforts(results))


def peak_memory_bytes(results: Sequence[Result | StrikeResult | BreathResult]) -> int | None:
    """Return the most memory that any step took; None where no run says."""
    return max((result.peak_memory_bytes for result in results if result.peak_memory_bytes), default=None)


def _effort(step: str, model: str | None, runs: list[Run]) -> Effort:
    seconds = [run.seconds for run in runs if run.seconds is not None]
    peaks = [run.peak_memory_bytes for run in runs if run.peak_memory_bytes is not None]
    promised = [run.plan["promised_bytes"] for run in runs if "promised_bytes" in run.plan]
    return Effort(
        step=step,
        model=model,
        runs=len(runs),
        median_seconds=median(seconds) if seconds else None,
        longest_seconds=max(seconds, default=None),
        total_seconds=sum(seconds) if seconds else None,
        peak_memory_bytes=max(peaks, default=None),
        promised_bytes=max(promised, default=None),
    )
