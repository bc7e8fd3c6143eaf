"""Say what a prediction will take, before it runs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from medscience.inference.job import Job


def plan(
    image: Annotated[Path, typer.Argument(help="an ingested image")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    memory: Annotated[str, typer.Option(help="most memory that all processes may take together")] = "8G",
    tile: Annotated[str | None, typer.Option(help="voxels Z,Y,X that are written at once")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each worker; default: all processors, shared out")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that share the blocks")] = 1,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="auto: bfloat16 where this processor multiplies in it"),
    ] = "auto",
) -> None:
    """Say which tiles a prediction would take, how much memory and how long; nothing is written."""
    import torch

    from medscience.description import find_model
    from medscience.errors import about
    from medscience.inference.engine import precision_of
    from medscience.inference.job import prepare
    from medscience.inference.plan import parse_memory, parse_sides
    from medscience.machine.cores import usable_cores
    from medscience.models.zoo import load
    from medscience.store.images import open_image

    try:
        promised, wanted = parse_memory(memory), parse_sides(tile) if tile else None
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    torch.set_num_threads(threads or max(usable_cores() // workers, 1))
    stored = open_image(image)
    with about(stored.path):
        settled = promised, wanted, precision_of(precision)
        job = prepare(stored.volume("a plan"), load(find_model(model)), *settled, workers=workers)
    for name, text in _lines(job, promised):
        typer.echo(f"{name:10} {text}")


def _lines(job: "Job", promised: int) -> list[tuple[str, str]]:
    import torch

    from medscience.inference.pace import predicted_seconds

    plan, gibibyte = job.plan, 1 << 30
    kept = math.prod(job.frame.shape)
    how = "exact" if plan.blend is None else "approximate: overlapping tiles are averaged"
    return [
        ("blocks", f"{plan.blocks}, of {_by(plan.block)} voxels (z, y, x)"),
        ("workers", f"{plan.workers}, which share the blocks" if plan.workers > 1 else "1"),
        ("tile", f"{_by(plan.tile)} voxels, halo {_by(plan.halo)}; {how}"),
        ("work", f"{plan.computed / kept:.2f} voxels computed for each that is kept"),
        ("memory", f"{plan.predicted_bytes / gibibyte:.2f} GiB of {promised / gibibyte:.2f} GiB promised"),
        ("time", f"about {predicted_seconds(plan, job.engine):.0f} s for the network, with "
                 f"{torch.get_num_threads()} threads in {job.engine.precision}"),
    ]  # fmt: skip


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in sizes)
