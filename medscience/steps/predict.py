"""Run a model over an image, or over many."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from medscience.description import ModelFile
from medscience.errors import BatchError, ConfigError, MedscienceError
from medscience.steps.options import (
    Device,
    GpuMemory,
    Memory,
    Precision,
    Threads,
    Tile,
    Workers,
    promised_memory,
    share_threads,
    sides_of,
)
from medscience.steps.prediction import Prediction

if TYPE_CHECKING:
    from medscience.inference.gpu import Gpu
    from medscience.inference.workers import Workers as Processes


def predict(  # noqa: PLR0913, PLR0917 - the options of the command
    image: Annotated[Path, typer.Argument(help="an ingested image; with --batch a list of them")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path | None, typer.Argument(help="NAME.ome.zarr, or its commit")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="IMAGE is a tab-separated list: image, dest; the model loads once")
    ] = False,
    memory: Memory = "8G",
    tile: Tile = None,
    threads: Threads = None,
    workers: Workers = 1,
    precision: Precision = "auto",
    device: Device = "auto",
    gpu_memory: GpuMemory = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--map", help="also keep: confidence, entropy, or the probability of a label's value"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="slurm: workers are jobs of their own; or the address of a Dask scheduler"),
    ] = None,
    partition: Annotated[str | None, typer.Option(help="of slurm; default: the site's own")] = None,
    interface: Annotated[str | None, typer.Option(help="of slurm: the network, such as ib0")] = None,
    stall: Annotated[float, typer.Option(min=0.001, help="minutes without progress to fail")] = 30,
    prior: Annotated[
        Path | None,
        typer.Option(
            help="for a network that restores phases: the image of all of them; default: their mean"
        ),
    ] = None,
) -> None:
    """Write the most likely label of every voxel, or a restored image, on the image's own grid.

    What a run that was interrupted has finished is kept: the same command goes on from there.
    """
    from medscience.description import find_model
    from medscience.inference.engine import precision_of
    from medscience.inference.gpu import find_gpu
    from medscience.inference.memory import give_back_freed_memory, leave_imports_uncollected
    from medscience.models.zoo import load
    from medscience.restoration import restores

    if batch == (destination is not None):
        raise typer.BadParameter("give IMAGE MODEL DESTINATION, or --batch LIST.tsv MODEL")
    promised, sides = promised_memory(memory), sides_of(tile)
    rows = [Row(image, destination, prior)] if destination else _rows(image)
    path = find_model(model)
    give_back_freed_memory()
    leave_imports_uncollected()
    share_threads(threads, 1 if cluster else workers)
    shared = workers > 1 or cluster is not None
    if device == "cuda" and shared:
        raise typer.BadParameter("--workers and --cluster are for processors; a GPU is one process's")
    gpu = find_gpu("cpu" if shared else device, promised_memory(gpu_memory) if gpu_memory else None)
    if restores(path):
        if sides or keep or workers > 1 or cluster:
            raise typer.BadParameter("--tile, --map, --workers, --cluster are for networks that give labels")
        _each(_restoring(path, promised, precision, 60 * stall, gpu), rows, batch=batch)
        return
    if any(row.prior for row in rows):
        raise typer.BadParameter("a prior is for networks that restore phases")
    description, network = load(path)
    maps = tuple(_map(name, description) for name in dict.fromkeys(keep or ()))
    settled = promised, sides, precision_of(precision, gpu), maps, 60 * stall
    if gpu:
        network = network.to(gpu.place)
    started = _workers(workers, _Place(cluster, partition, interface, rows[0].destination.parent))
    with started as processes:
        prediction = Prediction(path, description, network, *settled, workers, processes, gpu)
        _each(lambda row: prediction.run(row.image, row.destination), rows, batch=batch)


def _restoring(
    path: Path, promised: int, precision: str, patience: float, gpu: "Gpu | None"
) -> Callable[["Row"], None]:
    """Return what restores the image of a row."""
    from medscience.inference.restore import held_in
    from medscience.models.zoo import load_restoring
    from medscience.steps.restoration import Restoring

    description, network = load_restoring(path)
    if gpu:
        network = network.to(gpu.place)
    restoring = Restoring(path, (description, network), promised, held_in(precision), patience, gpu)
    return lambda row: restoring.run(row.image, row.destination, row.prior)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where workers run: here, or on a cluster whose nodes see a folder."""

    cluster: str | None
    """None for here, ``slurm``, or the address of a scheduler."""
    partition: str | None
    interface: str | None
    folder: Path


@contextmanager
def _workers(count: int, place: _Place) -> "Iterator[Processes | None]":
    """Yield the workers of all images; none, and nothing imported for them, where one process does it."""
    if place.cluster != "slurm" and (place.partition or place.interface):
        raise typer.BadParameter("--partition and --interface belong to --cluster slurm")
    if count == 1:
        if place.cluster:
            raise typer.BadParameter("--cluster shares the blocks: say among how many with --workers")
        yield None
        return
    import torch

    from medscience.inference.workers import Workers

    if place.cluster != "slurm":
        from medscience.inference.scheduler import Scheduler

        with Workers(Scheduler(place.cluster).start if place.cluster else None) as workers:
            yield workers
        return
    from medscience.inference.nodes import Nodes, keys

    with keys(place.folder) as folder:
        nodes = Nodes(folder, torch.get_num_threads(), place.partition, place.interface)
        with Workers(nodes.start) as workers:
            yield workers


def _map(name: str, model: ModelFile) -> str:
    """Return the name of a map that is to be kept, or refuse it."""
    values = [str(label.value) for label in model.output.labels]
    if name in values:
        return f"probability-{name}"
    if name not in ("confidence", "entropy"):
        raise typer.BadParameter(f"--map {name} is none of confidence, entropy, {', '.join(values)}")
    return name


class Row(NamedTuple):
    """One image of a batch."""

    image: Path
    destination: Path
    prior: Path | None = None


def _rows(sheet: Path) -> list[Row]:
    """Read a tab-separated list of images, destinations and, if there is such a column, priors."""
    try:
        rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines(), delimiter="\t", strict=True))
        return [
            Row(Path(row["image"]), Path(row["dest"]), Path(row["prior"]) if row.get("prior") else None)
            for row in rows or [{}]
        ]
    except (KeyError, TypeError, ValueError, csv.Error) as fault:
        raise ConfigError(
            "BATCH-COLUMNS",
            file=sheet,
            field="columns",
            found=fault,
            expected="tab-separated text with the columns image and dest",
            fix="write one line for each image, below a line that names the columns",
        ) from fault


def _each(run: Callable[[Row], None], rows: list[Row], *, batch: bool) -> None:
    """Do image after image; one of a batch that fails does not stop the others."""
    failed = 0
    for row in rows:
        try:
            run(row)
        except MedscienceError as fault:
            if not batch:
                raise
            failed += 1
            typer.echo(fault.line, err=True)
    if failed:
        raise BatchError(
            "BATCH-FAILED",
            field="images",
            found=f"{failed} of {len(rows)} failed",
            expected="none",
            fix="see the lines above; the others are committed, and a rerun skips them",
        )
