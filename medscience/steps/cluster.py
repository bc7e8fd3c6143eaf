"""What a cluster offers, and what a cohort will ask of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medscience.cluster.profile import GROUP
from medscience.steps.doctor import say
from medscience.steps.report import RESULTS

if TYPE_CHECKING:
    from medscience.cluster.forecast import Forecast
    from medscience.config.settings import Cohort
    from medscience.config.sheet import Sample
    from medscience.geometry import Geometry
    from medscience.inference.forecast import Forecaster
    from medscience.progress import Tell

CONFIG = Path("config/config.yaml")
FORESEEN = ("brain_mri", "liver_ct")
"""Tracks whose samples say in a header what they will take."""


def check(
    context: typer.Context,
    partition: Annotated[
        str | None, typer.Option(help="where jobs are to run; default: the site's own default")
    ] = None,
    gpu_partition: Annotated[
        str | None, typer.Option(help="where predictions are to run if the settings say device: cuda")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="write profiles/site, for snakemake --workflow-profile site")
    ] = False,
) -> None:
    """Look at this site's Slurm: a line for each thing that matters, and a profile that fits."""
    from medscience.cluster.profile import PATH, profile
    from medscience.cluster.site import Wanted, ask_site, findings
    from medscience.store.files import write_whole

    site = ask_site(context.obj)
    wanted = Wanted(partition, gpu_partition)
    say(findings(site, wanted, Path.cwd(), context.obj), "this site")
    chosen = site.partition(partition)
    if write and chosen and (gpu_partition is None or site.has_gpus(gpu_partition)):
        write_whole(PATH, profile(site, chosen, gpu_partition))
        typer.echo(f"wrote {PATH}; now run: snakemake --workflow-profile site")


def estimate(
    config: Annotated[Path, typer.Argument(help="the settings of the run")] = CONFIG,
    table: Annotated[
        Path | None, typer.Option(help="also write a row for each sample here, as the workflow does")
    ] = None,
    group: Annotated[int, typer.Option(min=1, help="samples that share a job")] = GROUP,
) -> None:
    """Say what a sheet will take on a cluster, from headers alone: jobs, core-hours, disk, memory."""
    from medscience.cluster.forecast import write_forecasts
    from medscience.cluster.total import total
    from medscience.config.settings import read_cohort
    from medscience.terminal.progress import shown

    cohort = read_cohort(config, warn=False)
    with shown("estimate") as tell:
        forecasts = list(_forecasts(cohort, tell))
    if table:
        write_forecasts(forecasts, table)
    for name, text in total(cohort, forecasts, group).lines:
        typer.echo(f"{name:10} {text}")


def _forecasts(cohort: "Cohort", tell: "Tell") -> Iterator["Forecast"]:
    """Yield what each sample will take with each model, where its header says so."""
    grids = _grids(cohort.samples)
    volumes = [pair for pair in cohort.pairs if cohort.sample(pair[1]).track in FORESEEN]
    for model in sorted({model for model, _ in volumes}):
        forecaster = _forecaster(cohort, model)
        names = [sample for name, sample in volumes if name == model]
        for done, name in enumerate(names):
            tell(done, len(names))
            found = _forecast(cohort.sample(name), model, grids(name), forecaster)
            if found:
                yield found


def _forecaster(cohort: "Cohort", model: str) -> "Forecaster":
    import torch

    from medscience.description import find_model
    from medscience.inference.engine import precision_of
    from medscience.inference.forecast import Forecaster
    from medscience.inference.gpu import UNKNOWN, Gpu
    from medscience.inference.plan import parse_memory
    from medscience.models.zoo import load

    settings = cohort.settings
    torch.set_num_threads(settings.threads)
    maps = tuple(f"probability-{name}" if name.isdigit() else name for name in settings.maps)
    memory = parse_memory(settings.gpu_memory) if settings.gpu_memory else UNKNOWN
    gpu = Gpu(memory) if settings.device == "cuda" else None
    settled = parse_memory(settings.memory), precision_of(settings.precision, gpu), maps, gpu
    return Forecaster.of(load(find_model(model)), *settled)


def _grids(samples: tuple["Sample", ...]) -> Callable[[str], "Geometry | None"]:
    """Return a function that looks up a sample's grid, each once for all models."""
    from functools import cache

    sources = {sample.name: Path(sample.source) for sample in samples}

    @cache
    def grid(name: str) -> "Geometry | None":
        return _grid(RESULTS / "images" / f"{name}.ome.zarr", sources[name])

    return grid


def _grid(image: Path, source: Path) -> "Geometry | None":
    """The grid of a sample that is ingested, or whose header says it; None if more would have to be read."""
    from medscience.errors import MedscienceError
    from medscience.ingest.grids import grid_in_header
    from medscience.store.commit import commit_path
    from medscience.store.images import open_image

    try:
        if commit_path(image).exists():
            return open_image(image).image.geometry
        return grid_in_header(source)
    except (MedscienceError, OSError):  # its own job says what is wrong with it
        return None


def _forecast(
    sample: "Sample", model: str, grid: "Geometry | None", forecaster: "Forecaster"
) -> "Forecast | None":
    from math import ceil, prod

    from medscience.cluster.forecast import Forecast
    from medscience.errors import MedscienceError

    if grid is None:
        return None
    try:
        plan = forecaster.plan(grid)
    except MedscienceError:  # again
        return None
    voxels = prod(grid.shape)
    return Forecast(
        model,
        sample.name,
        voxels,
        predict_mb=ceil(plan.predicted_bytes / (1 << 20)),
        predict_seconds=ceil(forecaster.seconds(plan)),
        disk_mb=_disk_mb(Path(sample.source), voxels),
        gpu_mb=ceil(plan.gpu_bytes / (1 << 20)),
    )


def _disk_mb(source: Path, voxels: int) -> int:
    """The image takes about what its source does, its pyramid a little more; labels are packed tightly."""
    from medscience.cluster.forecast import LABEL_BITS_PER_VOXEL

    files = [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return (size * 5 // 4 + voxels * LABEL_BITS_PER_VOXEL // 8 >> 20) + 1
