"""The processes that train together: those that ``torchrun`` started, or this one alone.

Each has a GPU of its own, or none has.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from medscience.errors import SystemFaultError
from medscience.inference.gpu import Gpu, Wish, find_gpu
from medscience.training.place import place_for


@dataclass(frozen=True, slots=True)
class World:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1
    gpu: Gpu | None = None
    """The GPU on which this process computes; None: on processors."""

    @property
    def place(self) -> torch.device:
        """Where this process keeps its network."""
        return place_for(self.gpu)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type by their sums over all processes."""
        if self.size == 1 or not tensors:
            return
        together = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(together)
        parts = torch.split(together, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


@contextmanager
def joined(wish: Wish = "auto") -> Iterator[World]:
    """Join the processes that ``torchrun`` started, until the block ends.

    Raises
    ------
    SystemFaultError
        If there is no GPU and nothing else will do, or if some processes have one and some have not.
    """
    if not dist.is_torchelastic_launched():
        yield World(gpu=find_gpu(wish))
        return
    gpu = find_gpu(wish, number=dist.get_node_local_rank())
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    try:
        world = World(dist.get_rank(), dist.get_world_size(), gpu)
        _refuse_mixed_places(world)
        yield world
    finally:
        dist.destroy_process_group()


def _refuse_mixed_places(world: World) -> None:
    """Gradients are added up on GPUs or on processors."""
    gpus = torch.tensor([int(world.gpu is not None)])
    world.add_up([gpus])
    if 0 < gpus.item() < world.size:
        raise SystemFaultError(
            "TRAIN-GPUS",
            field="--device",
            found=f"{gpus.item()} GPUs for {world.size} processes",
            expected="one for each, or none",
            fix="start as many processes as there are GPUs (--nproc-per-node), or give --device cpu",
        )
