"""Restoring an image of phases, slice by slice: what is settled before, and the run.

The network sees the image whole, along t in a circle. Sides that are no multiples of what its levels need are
continued by their last voxels at the far ends, as its own padding along z does, and cut off again.
"""

import copy
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medscience.errors import MemoryPromiseError, ModelError
from medscience.geometry import Reorientation
from medscience.image import Image
from medscience.inference.engine import not_on_processors
from medscience.inference.footprint import CUDA, GPU_MARGIN, LIBRARIES
from medscience.inference.gpu import Gpu
from medscience.inference.held import stream_bytes
from medscience.inference.phases import check_method, check_phases, check_prior, finite, notes_of
from medscience.inference.plan import UNITS, Plan, no_room_on_gpu
from medscience.inference.predict import Has, Write, has_none
from medscience.inference.relief import Relief, said_of, take_over
from medscience.inference.stream import Stream
from medscience.inference.sums import Slice
from medscience.models.rstar4d import RSTAR4D
from medscience.progress import Tell, nobody
from medscience.restoration import RestoringDesign
from medscience.store.grid import CHUNK, SHARD, regions

log = logging.getLogger(__name__)

MARGIN = 1.1
"""What the allocator keeps beyond the slices in use, of which many are small and live long; measured, rounded
up."""
COMPILED = 96 << 20
"""Bytes of what the library of layers keeps of each that it has compiled, whatever their size; measured,
rounded up."""
COPIES = 4
"""Of a run, that exist while it is written: turned, cut into chunks, packed; measured, rounded up."""

Run = tuple[int, int]
"""Where some slices of the frame start and stop: they are read, and written, together."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """An image that is about to be restored."""

    image: Image
    prior: Image | None
    """The image of all phases, on the same grid; None: the mean of the phases."""
    stream: Stream
    model: RestoringDesign
    plan: Plan
    dtype: np.dtype[np.generic]
    """Of what is written: the image's own, if it holds whole numbers, else float32."""
    notes: tuple[str, ...]
    """What a reader of the result should know."""
    relief: Relief[Stream] = field(default_factory=Relief)
    """What is done when a GPU's memory runs out: there are no halves of a stream."""

    @property
    def turn(self) -> Reorientation:
        """What brings the image's axes into the network's."""
        return self.image.geometry.reorientation(self.model.input.axes)

    def run(self, write: Write, tell: Tell = nobody, has: Has = has_none) -> None:
        """Restore what it does not have, run after run; `tell` hears of every slice that comes and goes.

        After an interruption it begins as far before what is missing as the network can see: so the same
        slices go through the same sums.

        Raises
        ------
        InputError
            If a voxel is not finite.
        ModelError
            If one that was restored is not finite, or not a number of the type that is written.
        MemoryPromiseError
            If a GPU's memory runs out, and processors may not take over.
        """
        try:
            return self._run(write, tell, has)
        except torch.OutOfMemoryError as fault:
            reason = said_of(fault)
        torch.cuda.empty_cache()
        stream = take_over(self.relief, self.plan.gpu_bytes, reason)
        return replace(self, stream=stream)._run(write, tell, has)

    def _run(self, write: Write, tell: Tell, has: Has) -> None:
        frame = self.image.turned(self.turn)
        *_, z, y, x = frame.shape
        runs = self._runs(z)
        todo = [run for run in runs if not has(self._region(run))]
        if not todo:
            return
        step = self.stream.multiples[0]
        first = max(todo[0][0] - self.stream.reach, 0) // step * step
        passed, total = count(1), 2 * (z - first)

        def one_more(here: Slice) -> Slice:
            tell(min(next(passed), total), total)
            return here

        tell(0, total)
        pictures = map(one_more, self.stream(map(one_more, self._seen(frame, runs, first))))
        with torch.inference_mode():
            for _ in islice(pictures, todo[0][0] - first):
                pass
            for start, stop in runs:
                if (start, stop) < todo[0] or start >= todo[-1][1]:
                    continue
                found = np.empty((frame.shape[0], stop - start, y, x), np.float32)
                for n, phases in enumerate(islice(pictures, stop - start)):
                    for t, picture in enumerate(phases):
                        found[t, n] = picture[0, 0, :y, :x].float().cpu().numpy()
                    del phases
                if (start, stop) in todo:
                    write(self._region((start, stop)), self._stored(found))

    def _runs(self, slices: int) -> list[Run]:
        """The slices of the frame in runs that are whole shards of the image, in the frame's order."""
        ends = [(run.start, run.stop) for (run,) in regions((slices,), (CHUNK,))]
        if self.turn.flips[0]:
            return [(slices - stop, slices - start) for start, stop in reversed(ends)]
        return ends

    def _region(self, run: Run) -> tuple[slice, ...]:
        """Where a run of the frame lies in the image."""
        axis, size = 1 + self.turn.order[0], self.image.shape[1 + self.turn.order[0]]
        region = [slice(0, n) for n in self.image.shape]
        region[axis] = slice(size - run[1], size - run[0]) if self.turn.flips[0] else slice(*run)
        return tuple(region)

    def _seen(self, frame: Image, runs: list[Run], first: int) -> Iterator[Slice]:
        """Yield what the network sees, from a slice on; the last one again where it wants more of them."""
        prior = self.prior and self.prior.turned(self.turn)
        along_z, *in_plane = self.stream.multiples
        sides = [-(-n // m) * m for n, m in zip(frame.shape[-2:], in_plane, strict=True)]
        plane = (slice(None), slice(None))
        for start, stop in runs:
            part = slice(max(start, first), stop)
            if part.start >= stop:
                continue
            phases = finite(frame.read((slice(None), part, *plane)))
            everything = finite(prior.read((part, *plane))) if prior else None
            for n in range(stop - part.start):
                shown = self._scaled(phases[:, n])
                all_phases = shown.mean(axis=0) if everything is None else self._scaled(everything[n])
                last = part.start + n == frame.shape[1] - 1
                for _ in range(1 + (-frame.shape[1] % along_z) * last):
                    yield [self._input(phase, all_phases, sides) for phase in shown]
            del phases, everything

    def _scaled(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        scale = self.model.input.values
        return ((values.astype(np.float32) + np.float32(scale.offset)) / np.float32(scale.scale)).astype(
            np.float32
        )

    def _input(self, phase: NDArray[np.float32], prior: NDArray[np.float32], sides: list[int]) -> Tensor:
        both = np.stack([phase, prior])
        more = [(0, side - n) for side, n in zip(sides, phase.shape, strict=True)]
        picture = torch.from_numpy(np.pad(both, [(0, 0), *more], mode="edge"))[None]
        here = self.stream.device, self.stream.precision
        return picture.to(*here, memory_format=torch.channels_last)

    def _stored(self, found: NDArray[np.float32]) -> NDArray[np.generic]:
        """Restored slices (T, slices, Y, X) of the frame in the image's axes, unit and type."""
        scale = self.model.output.image
        found *= np.float32(scale.scale)
        found -= np.float32(scale.offset)
        low, high = float(found.min()), float(found.max())
        kept = np.iinfo(self.dtype.name) if self.dtype.kind == "i" else np.finfo(np.float32)
        if not (kept.min <= low and high <= kept.max):  # nor where one is no number
            raise ModelError(
                "RESTORE-RANGE",
                field="restored values",
                found=f"{low:.4g} to {high:.4g}",
                expected=f"numbers that {self.dtype} can hold",
                fix="check the image's numbers, and the model with `medscience models check`",
            )
        values = np.rint(found) if self.dtype.kind == "i" else found
        return self.turn.inverse.apply(values.astype(self.dtype))


def held_in(wish: str) -> torch.dtype:
    """Return the precision for a wish: numbers are wanted, so nothing but that very wish rounds them.

    Raises
    ------
    ConfigError
        If it is float16, which does not hold all numbers of a scan.
    """
    if wish == "float16":
        raise not_on_processors()
    return torch.bfloat16 if wish == "bfloat16" else torch.float32


def prepare_restoration(
    image: Image,
    prior: Image | None,
    model: tuple[RestoringDesign, RSTAR4D],
    memory: int,
    precision: torch.dtype = torch.float32,
    gpu: Gpu | None = None,
    method: str | None = None,
) -> Restoration:
    """Settle how an image of phases is restored.

    Parameters
    ----------
    image : Image
        Phases (T, Z, Y, X) of a breath.
    prior : Image, optional
        The image of all phases (Z, Y, X); the mean of the phases if not given.
    model : tuple
        What the network sees and gives, and the network.
    memory : int
        Bytes promised.
    precision : dtype
        Of the slices that the network holds.
    gpu : Gpu, optional
        The GPU that the network is on, or for which it is planned.
    method : str, optional
        How the phases were reconstructed, where that is known.

    Raises
    ------
    InputError, MismatchError
        If the images are not ones that the network can read.
    MemoryPromiseError
        If it does not fit.
    """
    description, network = model
    check_phases(image)
    check_method(method, description)
    if prior is not None:
        check_prior(image, prior)

    def on_processors() -> Stream:
        return Stream(copy.deepcopy(network).cpu(), precision)

    stream = Stream(network, precision)
    kind = image.data.dtype
    dtype = np.dtype(kind if kind.kind == "i" and kind.itemsize > 1 else np.float32)
    counted = on_processors() if gpu else stream  # the same, and a GPU need not be here
    todo = _plan(image, prior, (counted, gpu), description, dtype)
    log.info("plan: %s", todo.line)
    if todo.predicted_bytes > memory:
        raise MemoryPromiseError(
            "MEMORY-TOO-SMALL",
            field="--memory",
            found=f"{memory / UNITS['G']:.2f}G",
            expected=f"{math.ceil(todo.predicted_bytes / UNITS['M'])}M or more for a plane of this size",
            fix="give more memory, or let --precision bfloat16 hold half as much and round",
        )
    if gpu and todo.gpu_bytes > gpu.memory:
        raise no_room_on_gpu(gpu.memory, todo)
    relief = Relief(on_processors if gpu and gpu.may_leave else None)
    notes = notes_of(image, prior, method, description)
    return Restoration(image, prior, stream, description, todo, dtype, notes, relief)


def _plan(
    image: Image,
    prior: Image | None,
    network: tuple[Stream, Gpu | None],
    model: RestoringDesign,
    dtype: np.dtype[np.generic],
) -> Plan:
    """What is held: the stream, a run of slices as they are read, and one as it is written."""
    stream, gpu = network
    turn = image.geometry.reorientation(model.input.axes)
    sizes = [image.shape[1 + axis] for axis in turn.order]
    tile = tuple(-(-n // m) * m for n, m in zip(sizes, stream.multiples, strict=True))
    run = min(CHUNK, sizes[0]) * sizes[1] * sizes[2]
    read = run * (
        2 * image.shape[0] * image.data.dtype.itemsize + (2 * prior.data.dtype.itemsize if prior else 0)
    )
    written = run * image.shape[0] * (np.dtype(np.float32).itemsize + COPIES * dtype.itemsize)
    held = round(stream_bytes(stream, (image.shape[0], *tile)) * MARGIN)
    here = LIBRARIES + COMPILED + 3 * stream.weight_bytes + read + written
    if gpu:
        here += CUDA
    if gpu is None or gpu.may_leave:
        here += held
    block = [min(SHARD, n) for n in image.shape[1:]]
    block[turn.order[0]] = min(CHUNK, sizes[0])
    return Plan(
        block=tuple(block),
        tile=tile,
        halo=(0, 0, 0),
        blocks=-(-sizes[0] // CHUNK),
        predicted_bytes=here,
        computed=math.prod(tile),
        gpu_bytes=round(GPU_MARGIN * (held + 3 * stream.weight_bytes)) if gpu else 0,
    )
