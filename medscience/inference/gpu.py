"""A graphics processor: whether there is one, how much of its memory may be used, and what it is called."""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from medscience.errors import SystemFaultError

Wish = Literal["auto", "cpu", "cuda"]
"""``auto``: a GPU if there is one, and processors if its memory does not suffice."""

UNKNOWN = 1 << 50
"""Bytes of a GPU of which nothing is known: its own job finds out."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU on which a network computes, or one that is planned for."""

    memory: int
    """Bytes of its memory that may be used."""
    name: str = ""
    """As its driver calls it; empty if it is only planned for."""
    has_bfloat16: bool = False
    may_leave: bool = False
    """Whether processors take over where its memory does not suffice."""
    number: int = 0
    """Which of those that ``CUDA_VISIBLE_DEVICES`` shows."""

    @property
    def place(self) -> torch.device:
        """Where tensors are that are on it."""
        return torch.device("cuda", self.number)

    @property
    def is_there(self) -> bool:
        """Whether something can be computed on it."""
        return bool(self.name)

    def left(self) -> "Gpu":
        """Return what this process leaves of it to another use."""
        torch.cuda.empty_cache()
        return replace(self, memory=max(self.memory - torch.cuda.memory_allocated(), 0))


def find_gpu(wish: Wish, memory: int | None = None, number: int = 0) -> Gpu | None:
    """Return the GPU to compute on, None for processors; what it computes is settled to be repeatable.

    Parameters
    ----------
    wish : str
        ``cuda`` where nothing else will do.
    memory : int, optional
        Bytes that may be used; what is free if not given.
    number : int
        Which of those that ``CUDA_VISIBLE_DEVICES`` shows, counted from 0.

    Raises
    ------
    SystemFaultError
        If there is no such GPU that torch can use, and nothing else will do.
    """
    is_there = torch.cuda.is_available() and number < torch.cuda.device_count()
    if wish == "cpu" or (wish == "auto" and not is_there):
        return None
    if not is_there:
        raise SystemFaultError(
            "GPU-NONE",
            field="--device",
            found="no GPU that torch can use" if number == 0 else f"fewer GPUs than {number + 1}",
            expected="one",
            fix="see `medscience doctor`, or compute on processors: --device cpu",
        )
    _settle()
    torch.cuda.set_device(number)
    free, total = torch.cuda.mem_get_info()
    usable = min(free, memory or free)
    torch.cuda.set_per_process_memory_fraction(usable / total)
    name = torch.cuda.get_device_name()
    bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Gpu(usable, name, bfloat16, may_leave=wish == "auto", number=number)


def gpu_to_plan_for(wish: Wish, memory: int | None) -> Gpu | None:
    """Return the GPU to plan for: one of so much memory need not be here.

    Raises
    ------
    SystemFaultError
        As `find_gpu`, where it is not said how much memory it has.
    """
    if wish == "cuda" and memory and not torch.cuda.is_available():
        return Gpu(memory)
    return find_gpu(wish, memory)


def _settle() -> None:
    """Take care that the same work gives the same bits, and that float32 is multiplied as float32."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
