"""Run a model over an image, or over many."""

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from medscience.description import ModelFile
from medscience.errors import BatchError, ConfigError, MedscienceError
from medscience.steps.options import (
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
    keep: Annotated[
        list[str] | None,
        typer.Option("--map", help="also keep: confidence, entropy, or the probability of a label's value"),
    ] = None,
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
    from medscience.inference.memory import give_back_freed_memory
    from medscience.models.zoo import load
    from medscience.restoration import restores

    if batch == (destination is not None):
        raise typer.BadParameter("give IMAGE MODEL DESTINATION, or --batch LIST.tsv MODEL")
    promised, sides = promised_memory(memory), sides_of(tile)
    rows = [Row(image, destination, prior)] if destination else _rows(image)
    path = find_model(model)
    give_back_freed_memory()
    share_threads(threads, workers)
    if restores(path):
        if sides or keep or workers > 1:
            raise typer.BadParameter("--tile, --map and --workers are for networks that give labels")
        _each(_restoring(path, promised, precision, 60 * stall), rows, batch=batch)
        return
    if any(row.prior for row in rows):
        raise typer.BadParameter("a prior is for networks that restore phases")
    description, network = load(path)
    maps = tuple(_map(name, description) for name in dict.fromkeys(keep or ()))
    settled = promised, sides, precision_of(precision), maps, 60 * stall
    with _workers(workers) as processes:
        prediction = Prediction(path, description, network, *settled, workers, processes)
        _each(lambda row: prediction.run(row.image, row.destination), rows, batch=batch)


def _restoring(path: Path, promised: int, precision: str, patience: float) -> Callable[["Row"], None]:
    """Return what restores the image of a row."""
    from medscience.inference.restore import held_in
    from medscience.models.zoo import load_restoring
    from medscience.steps.restoration import Restoring

    restoring = Restoring(path, load_restoring(path), promised, held_in(precision), patience)
    return lambda row: restoring.run(row.image, row.destination, row.prior)


def _workers(count: int) -> "AbstractContextManager[Processes | None]":
    """Return the workers of all images; none, and nothing imported for them, where one process does it."""
    if count == 1:
        return nullcontext()
    from medscience.inference.workers import Workers

    return Workers()


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
