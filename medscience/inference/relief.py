"""What is done when a GPU's memory runs out: a block is computed in halves, or processors take over.

A plan keeps within the memory that was free; others may take of it meanwhile, and a library may want more
than was planned. What one block needed, the following ones are given from the start.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from medscience.errors import MemoryPromiseError
from medscience.inference.doubt import Doubt
from medscience.inference.link import Region
from medscience.inference.plan import UNITS
from medscience.progress import Tell

if TYPE_CHECKING:
    from medscience.inference.predict import Blocks

log = logging.getLogger(__name__)

Ready = TypeVar("Ready")
"""A network that is ready to run."""


@dataclass(slots=True)
class Relief(Generic[Ready]):
    """How a prediction makes do once a GPU's memory has run out."""

    spare: Callable[[], Ready] | None = None
    """Makes the network ready on processors; None where they may not take over."""
    halvings: int = 0
    """How often a block is halved before it is computed."""
    engine: Ready | None = None
    """The network on processors, once they have taken over."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know."""
        words = "the GPU's memory ran out"
        halved = f"{words}: blocks were computed in up to {2**self.halvings} parts"
        left = f"{words}: processors computed the rest, so its bits are not those of a GPU"
        return (halved,) * bool(self.halvings) + (left,) * bool(self.engine)


def answered(
    blocks: "Blocks", region: Region, doubt: Doubt, tell: Tell, halved: int = 0
) -> NDArray[np.generic]:
    """Return the decision for every voxel of a block.

    Raises
    ------
    MemoryPromiseError
        If a GPU's memory runs out, halves do not help, and processors may not take over.
    """
    relief, halves = blocks.relief, blocks.halves(region)
    if relief.engine:
        return blocks.on(relief.engine).decided(region, doubt, tell)
    if halves and halved < relief.halvings:
        axis, *parts = halves
        return np.concatenate([answered(blocks, part, doubt, tell, halved + 1) for part in parts], axis)
    try:
        return blocks.decided(region, doubt, tell)
    except torch.OutOfMemoryError as fault:
        reason = said_of(fault)
    torch.cuda.empty_cache()
    if halves:
        log.warning("%s; this block in halves", reason)
        relief.halvings = halved + 1
    else:
        take_over(relief, blocks.plan.gpu_bytes, reason)
    return answered(blocks, region, doubt, tell, halved)


def take_over(relief: Relief[Ready], planned: int, reason: str) -> Ready:
    """Let processors take over; return the network that is ready there.

    Raises
    ------
    MemoryPromiseError
        If they may not.
    """
    if relief.spare:
        log.warning("%s; processors take over", reason)
        relief.engine = relief.spare()
        return relief.engine
    raise MemoryPromiseError(
        "GPU-OUT-OF-MEMORY",
        field="GPU",
        found=f"{reason}, with {planned / UNITS['G']:.2f}G planned",
        expected="room for what was planned",
        fix="end what else runs on the GPU, give a smaller --tile, or let processors help: --device auto",
    )


def said_of(fault: torch.OutOfMemoryError) -> str:
    """Return what is worth telling of an error: the rest is advice to programmers."""
    return ".".join(str(fault).split(". ")[:2]).splitlines()[0]
