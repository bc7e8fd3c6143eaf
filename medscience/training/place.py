"""Where a network learns: on processors, or on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from medscience.errors import MemoryPromiseError
from medscience.inference.gpu import Gpu
from medscience.inference.relief import said_of
from medscience.store.record import host_class

PROCESSORS = torch.device("cpu")


def place_for(gpu: Gpu | None) -> torch.device:
    """Return where to keep a network that learns on a GPU, or on none."""
    return gpu.place if gpu else PROCESSORS


def hardware(gpu: Gpu | None) -> str:
    """Return what a card says of the machine."""
    return f"{host_class()}, {gpu.name}" if gpu else host_class()


def copied(tensor: Tensor) -> Tensor:
    """Return a tensor as it is now, in the memory of processors."""
    return tensor.detach().to(PROCESSORS, copy=True)


def place_of(network: nn.Module) -> torch.device:
    """Return where a network's weights are: what it sees has to be there too."""
    return next(network.parameters()).device


def rounding(network: nn.Module, precision: str) -> torch.autocast:
    """Return the context in which a network's convolutions are in a recipe's precision."""
    return torch.autocast(place_of(network).type, torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def within_gpu_memory(step: int) -> Iterator[None]:
    """Say in a line what to do where a GPU has no room for a step.

    Raises
    ------
    MemoryPromiseError
        Then; the last checkpoint is good.
    """
    try:
        yield
    except torch.OutOfMemoryError as fault:
        raise MemoryPromiseError(
            "GPU-OUT-OF-MEMORY",
            field=f"step {step}",
            found=said_of(fault),
            expected="room for what a step learns from",
            fix="end what else runs there, or set at_once, checkpointing or a smaller patch in the recipe",
        ) from None
