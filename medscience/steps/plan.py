"""Say what a prediction will take, before it runs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from medscience.inference.gpu import Gpu
    from medscience.inference.job import Job
    from medscience.inference.plan import Plan
    from medscience.store.images import StoredImage


def plan(  # noqa: PLR0913, PLR0917 - the options of the command
    image: Annotated[Path, typer.Argument(help="an ingested image")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    memory: Memory = "8G",
    tile: Tile = None,
    threads: Threads = None,
    workers: Workers = 1,
    precision: Precision = "auto",
    device: Device = "auto",
    gpu_memory: GpuMemory = None,
) -> None:
    """Say which tiles a prediction would take, how much memory and how long; nothing is written.

    With --device cuda --gpu-memory it says so of a GPU that is elsewhere.
    """
    from medscience.description import find_model
    from medscience.errors import about
    from medscience.inference.engine import precision_of
    from medscience.inference.gpu import gpu_to_plan_for
    from medscience.inference.job import prepare
    from medscience.models.zoo import load
    from medscience.restoration import restores
    from medscience.store.images import open_image

    promised, wanted = promised_memory(memory), sides_of(tile)
    share_threads(threads, workers)
    limit = promised_memory(gpu_memory) if gpu_memory else None
    gpu = gpu_to_plan_for("cpu" if workers > 1 else device, limit)
    stored = open_image(image)
    if restores(path := find_model(model)):
        _say_of_a_stream(stored, path, promised, precision, gpu)
        return
    with about(stored.path):
        description, network = load(path)
        if gpu and gpu.is_there:
            network = network.to(gpu.place)
        settled = promised, wanted, precision_of(precision, gpu)
        job = prepare(stored.volume("a plan"), (description, network), *settled, workers=workers, gpu=gpu)
    for name, text in _lines(job, promised):
        typer.echo(f"{name:10} {text}")


def _say_of_a_stream(
    stored: "StoredImage", path: Path, promised: int, precision: str, gpu: "Gpu | None"
) -> None:
    """Say what restoring an image would take."""
    from medscience.errors import about
    from medscience.inference.restore import held_in, prepare_restoration
    from medscience.models.zoo import load_restoring

    with about(stored.path):
        settled = promised, held_in(precision), gpu, stored.reconstruction
        job = prepare_restoration(stored.image, None, load_restoring(path), *settled)
    plan, gibibyte = job.plan, 1 << 30
    typer.echo(f"slices     a stream of {plan.tile[0]}, of {_by(plan.tile[1:])} voxels; exact")
    typer.echo(f"written    in {plan.blocks} runs, a rerun goes on from them")
    typer.echo(
        f"memory     {plan.predicted_bytes / gibibyte:.2f} GiB of {promised / gibibyte:.2f} GiB promised"
    )
    for name, text in _of_gpu(plan, gpu):
        typer.echo(f"{name:10} {text}")


def _lines(job: "Job", promised: int) -> list[tuple[str, str]]:
    import torch

    from medscience.inference.pace import predicted_seconds

    plan, gpu, gibibyte = job.plan, job.engine.gpu, 1 << 30
    if gpu and not gpu.is_there:
        seconds = "not known here: the GPU is elsewhere"
    else:
        where = f"on {gpu.name}" if gpu else f"with {torch.get_num_threads()} threads"
        seconds = f"about {predicted_seconds(plan, job.engine):.0f} s for the network, {where}"
    kept = math.prod(job.frame.shape)
    how = "exact" if plan.blend is None else "approximate: overlapping tiles are averaged"
    return [
        ("blocks", f"{plan.blocks}, of {_by(plan.block)} voxels (z, y, x)"),
        ("workers", f"{plan.workers}, which share the blocks" if plan.workers > 1 else "1"),
        ("tile", f"{_by(plan.tile)} voxels, halo {_by(plan.halo)}; {how}"),
        ("work", f"{plan.computed / kept:.2f} voxels computed for each that is kept"),
        ("memory", f"{plan.predicted_bytes / gibibyte:.2f} GiB of {promised / gibibyte:.2f} GiB promised"),
        *_of_gpu(plan, gpu),
        ("time", f"{seconds} in {job.engine.precision}"),
    ]


def _of_gpu(plan: "Plan", gpu: "Gpu | None") -> list[tuple[str, str]]:
    """What is held in the memory of the GPU, if there is one."""
    if gpu is None:
        return []
    words = f"{plan.gpu_bytes / (1 << 30):.2f} GiB of {gpu.memory / (1 << 30):.2f} GiB"
    return [("GPU", f"{words}, {gpu.name or 'which is elsewhere'}")]


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in sizes)
