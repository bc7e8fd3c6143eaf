"""How to make a result again: the commands, and what they were run with."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from medscience.config.settings import Settings
from medscience.report.breaths import FIT, BreathResult
from medscience.report.results import Result, Run
from medscience.report.strikes import StrikeResult


def cohort_command(config: Path) -> str:
    """Return the command that makes the whole cohort.

    >>> cohort_command(Path("config/my study.yaml"))
    "snakemake --cores all --config 'settings=config/my study.yaml'"
    """
    return shlex.join(["snakemake", "--cores", "all", "--config", f"settings={config}"])


def commands(result: Result, settings: Settings) -> Iterator[str]:
    """Yield the commands that make one result, in order."""
    sample, model = result.sample, result.model
    image = f"results/images/{sample.name}.ome.zarr"
    prediction = f"results/predictions/{model}/{sample.name}.ome.zarr"
    labels = f"results/labels/{model}/{sample.name}.ome.zarr"
    table = f"results/measurements/{model}/{sample.name}.parquet"
    reference = f"results/references/{sample.name}.ome.zarr"
    file = f"config/models/{model}.yaml"
    digest = _option("--sha256", _source_digest(result))
    yield _line("ingest", sample.source, image, *digest, *sample.options)
    yield _line(
        "predict", image, file, prediction, *_memory(result, settings), *_arithmetic(result, settings)
    )
    yield _line("postprocess", prediction, file, labels, "--image", image)
    if sample.reference:
        yield _line("ingest", "--labels", sample.reference, reference)
    correction = result.correction.as_posix() if result.correction else None
    options = *_option("--reference", sample.reference and reference), *_option("--correction", correction)
    yield _line("measure", labels, image, table, *options)
    if result.liver:
        lesions, liver = (
            f"results/{folder}/{model}/{sample.name}.parquet" for folder in ("lesions", "livers")
        )
        yield _line("lesions", labels, image, lesions, liver, *options)


def strike_commands(strike: StrikeResult, settings: Settings) -> Iterator[str]:
    """Yield the commands that make the result of a recording, in order."""
    sample, model = strike.sample, strike.model
    image = f"results/images/{sample.name}.ome.zarr"
    found, notes, motion = (
        f"results/{folder}/{model}/{sample.name}.parquet"
        for folder in ("detections", "measurements", "motion")
    )
    told = _option("--acquisition", sample.acquisition)
    digest = _option("--sha256", _source_digest(strike))
    yield _line("ingest", sample.source, image, *digest, *sample.options, *told)
    yield _line("detect", image, f"config/models/{model}.yaml", found, "--threads", str(settings.threads))
    yield _line("follow", found, image, notes, motion, *_option("--audio", sample.audio))
    yield _line("export", "film", notes, motion, image, f"results/films/{model}/{sample.name}.mp4")


def breath_commands(breath: BreathResult, settings: Settings) -> Iterator[str]:
    """Yield the commands that make restored phases, in order."""
    sample, model = breath.sample, breath.model
    image, projections, prior, restored, truth = (
        f"results/{folder}/{sample.name}.ome.zarr"
        for folder in ("images", "projections", "priors", f"restored/{model}", "references")
    )
    scan = _run(breath, "reconstruct")
    told = _option("--acquisition", sample.acquisition)
    yield _line("ingest", sample.source, projections if scan else image, *sample.options, *told)
    if scan:
        how = ("--method", str(scan.settings["method"]), "--threads", str(settings.threads))
        yield _line("reconstruct", projections, image, prior, *how)
    options, network = ("--prior", prior) if scan else (), f"config/models/{model}.yaml"
    seen = image
    rounds = sum(run.step == "predict" for run in breath.runs)
    for number in range(1, rounds):
        made = f"results/rounds/{number}/restored/{model}/{sample.name}.ome.zarr"
        yield _line("predict", seen, network, made, *options)
        seen = f"results/rounds/{number + 1}/images/{model}/{sample.name}.ome.zarr"
        yield _line("reconstruct", projections, seen, prior, *how, "--again", made)
    fitted = _run(breath, FIT)
    made = f"results/rounds/{rounds}/restored/{model}/{sample.name}.ome.zarr" if fitted else restored
    yield _line("predict", seen, network, made, *options)
    if fitted:
        long = ("--rounds", str(fitted.settings["rounds"]), "--smooth-space", str(fitted.settings["space"]))
        fit = ("--method", FIT, *long, "--threads", str(settings.threads))
        yield _line("reconstruct", projections, restored, prior, *fit, "--again", made)
    if breath.has_truth:
        yield _line("ingest", str(sample.reference), truth)
    table = f"results/measurements/{model}/{sample.name}.parquet"
    yield _line("assess", restored, image, table, *(("--truth", truth) if breath.has_truth else ()))


def versions(results: Sequence[Result | StrikeResult | BreathResult]) -> dict[str, tuple[str, ...]]:
    """Return every version of every package that the results were made with."""
    found: dict[str, set[str]] = {}
    for result in results:
        for run in result.runs:
            for name, version in run.versions.items():
                found.setdefault(name, set()).add(str(version))
    return {name: tuple(sorted(several)) for name, several in found.items()}


def _line(*words: str) -> str:
    return shlex.join(["medscience", *words])


def _option(name: str, value: str | None) -> tuple[str, ...]:
    return (name, value) if value else ()


def _source_digest(result: Result | StrikeResult | BreathResult) -> str | None:
    run = _run(result, "ingest")
    return run.inputs.get("source") if run else None


def _memory(result: Result, settings: Settings) -> tuple[str, ...]:
    run = _run(result, "predict")
    promised = run.plan.get("promised_bytes") if run else None
    return "--memory", f"{promised >> 20}M" if promised else settings.memory


def _arithmetic(result: Result, settings: Settings) -> Iterator[str]:
    """Yield what decides the bits and what else is kept: as it was, or as it is set if nothing was made."""
    run = _run(result, "predict")
    used = run.settings if run else {}
    for name in ("threads", "precision"):
        yield f"--{name}"
        yield str(used.get(name, getattr(settings, name)))
    for kept in used.get("maps", settings.maps):
        yield "--map"
        yield kept.removeprefix("probability-")


def _run(result: Result | StrikeResult | BreathResult, step: str) -> Run | None:
    return next((run for run in result.runs if run.step == step), None)
