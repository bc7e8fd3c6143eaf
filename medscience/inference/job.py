"""Everything that is settled before a prediction begins."""

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from medscience.description import Crop, Design
from medscience.errors import MemoryPromiseError, ModelError
from medscience.image import Image
from medscience.inference.doubt import Doubt
from medscience.inference.engine import Engine, Precision, engine
from medscience.inference.footprint import footprint
from medscience.inference.frame import frame_of
from medscience.inference.gpu import Gpu
from medscience.inference.link import Link, Region
from medscience.inference.mirror import Flips, ways
from medscience.inference.plan import Footprint, Plan, overlapping, plan, slabs, whole
from medscience.inference.predict import Blocks, Has, Normalize, Write, has_none, predict
from medscience.inference.relief import Relief
from medscience.inference.tiling import Sizes
from medscience.inference.windows import Windows
from medscience.models.receptive_field import context, is_exact
from medscience.models.zoo import load
from medscience.preprocess.normalize import normalization
from medscience.progress import Tell, nobody

log = logging.getLogger(__name__)

Largest = Callable[[NDArray[Any]], NDArray[Any]]
"""Takes labels, gives them with only the largest connected piece left."""


@dataclass(frozen=True, slots=True)
class Job:
    """A prediction that is about to run."""

    image: Image
    frame: Image
    engine: Engine
    normalize: Normalize
    plan: Plan
    notes: tuple[str, ...]
    """What was done to the scan that a reader of the result should know."""
    relief: Relief[Engine] = field(default_factory=Relief)
    """What is done when a GPU's memory runs out."""

    def run(self, write: Write, tell: Tell = nobody, has: Has = has_none) -> Doubt:
        """Predict, block by block on the image's grid, what it does not have; `tell` hears of every block."""
        return predict(self.blocks, write, tell, has)

    @property
    def blocks(self) -> Blocks:
        """What is to be answered."""
        return Blocks(self.frame, self.image.geometry, self.engine, self.normalize, self.plan, self.relief)


def prepare(
    image: Image,
    model: tuple[Design, nn.Module],
    memory: int,
    block: Sizes | None = None,
    precision: Precision = "float32",
    maps: tuple[str, ...] = (),
    workers: int = 1,
    gpu: Gpu | None = None,
) -> Job:
    """Settle grid, plan and normalisation of a prediction.

    Parameters
    ----------
    image : Image
        A volume (Z, Y, X).
    model : tuple
        What a network sees, and the network, such as from `medscience.models.zoo.load`.
    memory : int
        Bytes promised.
    block : tuple of int, optional
        Blocks to use instead of choosing.
    precision : str
        Of what the network holds between its layers.
    maps : tuple of str
        What is kept of the logits beside the most likely class.
    workers : int
        The most processes that may share the blocks of a network that can be cut exactly.
    gpu : Gpu, optional
        The GPU that the network is on, or for which it is planned.

    Raises
    ------
    InputError
        If the scan is not one that the network can read.
    MemoryPromiseError
        If it does not fit.
    """
    description, network = model
    frame = frame_of(image, description.input)
    link = Link(image.geometry, frame.image.geometry)
    settled = precision, maps, description.output.thresholds, mirrors_of(description)
    skips = description.input.skip_background

    def on_processors() -> Engine:
        return engine(copy.deepcopy(network).cpu(), *settled, skips=skips)

    ready = engine(network, *settled, gpu, skips=skips)
    todo = planned(link, network, ready, memory, block, workers)
    log.info("plan: %s", todo.line)
    normalize = normalization(frame.image, description.input.normalize)
    notes = frame.notes
    if isinstance(ready.features, Windows):
        notes += ready.features.notes(frame.image.shape[0])
    relief = Relief(on_processors if gpu and gpu.may_leave else None)
    return Job(image, frame.image, ready, normalize, todo, notes, relief)


def mirrors_of(design: Design) -> tuple[Flips, ...]:
    """Return the mirror images over which a model averages."""
    return ways(tuple(design.input.axes.index(letter) for letter in design.input.mirror))


def planned(
    link: Link,
    network: nn.Module,
    ready: Engine,
    memory: int,
    block: Sizes | None = None,
    workers: int = 1,
) -> Plan:
    """Return the plan of a network for an image and a frame of which only the grids are known.

    Raises
    ------
    MemoryPromiseError
        If it does not fit.
    """
    held = footprint(ready)
    if isinstance(ready.features, Windows):
        return _windowed(ready.features, link, held, memory, block, workers)
    if not is_exact(network):
        if workers > 1:
            log.info("this network should see everything at once: one worker does it")
        return _everything(link, held, memory, block)
    todo = plan(link, context(network, ready.alignment), held, memory, block, workers)
    if todo.workers < workers:
        log.info("%d of %d workers are used: more blocks are not done sooner", todo.workers, workers)
    return todo


def _windowed(
    features: Windows, link: Link, held: Footprint, memory: int, block: Sizes | None, workers: int
) -> Plan:
    """Whole slices; windows lie where they lie, so that it is exact however the slices are shared out."""
    if block:
        return plan(link, features.halo, held, memory, block, workers)
    return slabs(link, features.halo, held, memory, workers)


def _everything(link: Link, held: Footprint, memory: int, block: Sizes | None) -> Plan:
    """One tile if it fits and no other was asked for; else overlapping ones."""
    if block in (None, link.image.shape):
        try:
            return whole(link, held, memory)
        except MemoryPromiseError as reason:
            log.info("%s", reason.line)
    return overlapping(link, held, memory, block)


def focused(job: Job, crop: Crop, folder: Path, largest: Largest, memory: int) -> Job:
    """Return a job that looks only at the box that a first model finds, as brainchop crops to the brain.

    The large model still sees all the context that there is around the box, so that inside of it its answer
    is the same as without. Outside everything is background.

    Parameters
    ----------
    crop : Crop
        From the model file.
    folder : Path
        Where the first model lies.
    largest : callable
        Removes what is not connected to the brain.
    memory : int
        Bytes promised.

    Raises
    ------
    ModelError
        If the first model finds nothing.
    """
    path = folder / f"{crop.model}.yaml"
    design, network = load(path)
    model, gpu = (design, network.to(job.engine.features.device)), job.engine.gpu
    first = prepare(job.frame, model, memory, precision=job.engine.precision, gpu=gpu)
    labels = np.zeros(job.frame.shape, dtype=np.uint8)
    first.run(labels.__setitem__)
    found = np.argwhere(largest(labels))
    if not len(found) and crop.if_nothing == "empty":
        nowhere = (slice(0, 0),) * 3
        note = f"{crop.model} finds nothing to look at in this scan: all of it is background"
        return replace(job, plan=replace(job.plan, focus=nowhere), notes=(*job.notes, note))
    if not len(found):
        raise ModelError(
            "PREDICT-FOCUS",
            file=path,
            field="input.crop",
            found="no label anywhere in the scan",
            expected="a brain",
            fix="look at the scan, or take `crop` out of the model file",
        )
    low, high = found.min(axis=0) - crop.margin, found.max(axis=0) + 1 + crop.margin
    box: Region = tuple(
        slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, job.frame.shape, strict=True)
    )
    note = f"{crop.model} chose where to look: {' x '.join(f'{b.start}-{b.stop}' for b in box)}"
    notes = (*job.notes, note, *first.relief.notes)
    return replace(job, plan=replace(job.plan, focus=box), notes=notes)
