"""From frames to antinodes, a few frames at a time, in a memory that is promised."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medscience.detections import Detection
from medscience.detector import DetectorFile
from medscience.errors import MemoryPromiseError, MismatchError
from medscience.inference.engine import Precision
from medscience.inference.plan import UNITS
from medscience.models import antinode_maps, fringe, spnet, spnet_slots
from medscience.store.record import peak_memory

AT_ONCE = 16
"""Most frames that the network sees together: more are no faster."""

LAYERS = 8
"""Answers of the widest layer that are held at the same time, with scratch, and with what is kept of freed
memory to be taken again: measured, rounded up."""

BESIDE = 64 << 20
"""Bytes that are held however few frames there are, such as for second looks: likewise."""

Frames = NDArray[np.unsignedinteger[Any]]
"""Shape (N, Y, X)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a network is given frames, and what its answer means."""

    seen: Callable[[Tensor], Tensor]
    """From frames (N, 1, Y, X) of whole numbers to what the network sees."""
    found: Callable[[Tensor, float], list[list[Detection]]]
    """From the answer and the least score to the antinodes of each frame."""
    any_size: bool
    """Whether frames may have another size than those that the network learnt from."""


READINGS = {
    "fringe": Reading(fringe.seen, antinode_maps.found, any_size=True),
    "spnet": Reading(spnet.seen, spnet_slots.found, any_size=False),
}
"""By the network's name in a model file."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A network that finds antinodes, ready to run."""

    model: DetectorFile
    network: nn.Module
    """In eval mode, and in `precision`."""
    precision: Precision = "float32"

    def __call__(self, frames: Frames) -> list[list[Detection]]:
        """Return the antinodes of each frame, the surest first; a frame of a single grey level has none."""
        answers: list[list[Detection]] = [[] for _ in frames]
        lit = [number for number, frame in enumerate(frames) if frame.min() != frame.max()]
        if lit:
            output = self.model.output
            found = self._reading.found(self._answer(frames[lit]), output.least_score)
            for number, antinodes in zip(lit, found, strict=True):
                answers[number] = [output.interval.stretched(one) for one in antinodes]
        return answers

    def at_once(self, shape: tuple[int, int], memory: int) -> int:
        """Return how many frames (height, width) the network may see together, by running it on an empty one.

        Raises
        ------
        MismatchError
            If the network knows only frames of another size.
        MemoryPromiseError
            If not even one fits into so many bytes.
        """
        known = self.model.input.height, self.model.input.width
        if shape != known and not self._reading.any_size:
            raise MismatchError(
                "DETECT-FRAME-SIZE",
                field="frame",
                found=f"{shape[1]} x {shape[0]} pixels",
                expected=f"{known[1]} x {known[0]}, the only size that {self.model.name} knows",
                fix="use another model, or bring the frames to that size before they are ingested",
            )
        each = LAYERS * self._widest(shape)
        room = (memory - peak_memory() - BESIDE) // each
        if room < 1:
            needed = math.ceil((peak_memory() + BESIDE + each) / UNITS["M"])
            raise MemoryPromiseError(
                "MEMORY-TOO-SMALL",
                field="--memory",
                found=f"{memory / UNITS['G']:.2f}G",
                expected=f"{needed}M or more for frames of {shape[1]} x {shape[0]} pixels",
                fix="give more memory",
            )
        return min(room, AT_ONCE)

    @property
    def _reading(self) -> Reading:
        return READINGS[self.model.network.name]

    def _answer(self, frames: Frames) -> Tensor:
        seen = self._reading.seen(torch.from_numpy(frames)[:, None])
        with torch.inference_mode():
            return self.network(seen.to(getattr(torch, self.precision)))  # type: ignore[no-any-return]

    def _widest(self, shape: tuple[int, int]) -> int:
        """Bytes of the largest answer of a layer to one frame, in float32."""
        widest = 0

        def hear(_layer: nn.Module, _given: object, answer: Tensor) -> None:
            nonlocal widest
            widest = max(widest, 4 * answer.numel())

        hooks = [layer.register_forward_hook(hear) for layer in self.network.modules()]
        try:
            self._answer(np.zeros((1, *shape), dtype=np.uint8))
        finally:
            for hook in hooks:
                hook.remove()
        return widest


def detector(model: DetectorFile, network: nn.Module, precision: Precision) -> Detector:
    """Return a network ready to run in a precision; it is changed."""
    return Detector(model, network.to(getattr(torch, precision)), precision)
