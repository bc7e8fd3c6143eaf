"""Options of several verbs, written once."""

from typing import Annotated, Literal

import typer

Memory = Annotated[str, typer.Option(help="most memory that all processes may take together")]
Tile = Annotated[str | None, typer.Option(help="voxels Z,Y,X that are written at once")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="of each worker; default: all processors, shared out")
]
Workers = Annotated[int, typer.Option(min=1, help="processes that share the blocks")]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(help="auto: bfloat16 where the processor or GPU multiplies in it; float16: for GPUs"),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="cuda: a GPU; auto: one if it is there, and processors if its memory runs out"),
]
GpuMemory = Annotated[
    str | None, typer.Option(help="most of the GPU's memory to take; default: what is free")
]


def promised_memory(text: str) -> int:
    """Return the bytes of an amount such as 8G."""
    from medscience.inference.plan import parse_memory

    try:
        return parse_memory(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault


def sides_of(text: str | None) -> tuple[int, ...] | None:
    """Return the sides of a tile such as 64,64,64."""
    from medscience.inference.plan import parse_sides

    try:
        return parse_sides(text) if text else None
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault


def share_threads(threads: int | None, workers: int) -> None:
    """Give torch its threads: those that were asked for, else a worker's share of the processors."""
    import torch

    from medscience.machine.cores import usable_cores

    torch.set_num_threads(threads or max(usable_cores() // workers, 1))
