"""A network that restores phases, from its recipe: what is settled first, and what the training leaves."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medscience import __version__
from medscience.config.cases import Case, read_cases
from medscience.errors import ConfigError, MismatchError, about
from medscience.image import Image
from medscience.inference.gpu import Gpu
from medscience.inference.phases import check_method, check_phases, check_prior
from medscience.inference.restore import prepare_restoration
from medscience.models.restoring import save_restoring_model
from medscience.models.rstar4d import RSTAR4D
from medscience.progress import Tell, nobody
from medscience.restoration import RestoringDesign, Tetris
from medscience.store.commit import canonical
from medscience.store.files import write_whole
from medscience.store.images import open_image
from medscience.training.checkpoint import Checkpoint
from medscience.training.chunks import Chunks
from medscience.training.curves import write_curves
from medscience.training.made import ending, opening, write_record
from medscience.training.moving import motion_of
from medscience.training.place import place_for
from medscience.training.tetris import Phases, learned
from medscience.training.through import let_the_prior_through

log = logging.getLogger(__name__)

BODY = -500.0
"""Hounsfield units of the truth from which a voxel counts in the error that the card names."""
CACHE = 2
"""The part of the promised memory that decoded chunks may take is one in so many."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the sheet, opened."""

    case: Case
    image: Image
    """As stored, for the predict engine."""
    prior: Image
    truth: Image
    digests: tuple[str, str, str]

    def seen(self, axes: str, chunks: Chunks, *, moving: bool) -> Phases:
        """Return the images as the network sees them, with what moves if that is wanted."""
        image, prior, truth = (
            replace(one, data=chunks.over(one.data)).turned(one.geometry.reorientation(axes))
            for one in (self.image, self.prior, self.truth)
        )
        return Phases(self.case.sample, image, prior, truth, motion_of(truth) if moving else None)


@dataclass(frozen=True, slots=True)
class Reached:
    """Root mean square errors of a case within the body, HU."""

    case: Case
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class RestorerJob:
    """A training that is about to run."""

    design: RestoringDesign
    recipe: Tetris
    network: RSTAR4D
    start: Checkpoint
    """Step 0, with weights that follow from the seed."""
    examples: tuple[Example, ...]
    memory: int
    gpu: Gpu | None = None
    """On which it learns; None: on processors."""

    def of(self, *splits: str) -> list[Example]:
        """Return the examples of some splits."""
        return [example for example in self.examples if example.case.split in splits]

    def learn(
        self, state: Checkpoint, save: Callable[[Checkpoint], None], tell: Tell = nobody
    ) -> tuple[RSTAR4D, Checkpoint]:
        """Train from a state to the end; return the network and the last state."""
        chunks = Chunks(self.memory // CACHE)
        axes, moving = self.design.input.axes, any(stage.moving for stage in self.recipe.stages)
        seen = [example.seen(axes, chunks, moving=moving) for example in self.of("train")]
        return learned(self.recipe, self.network, seen, state, save, tell, place_for(self.gpu))


def prepare_restorer(
    design: RestoringDesign, recipe: Tetris, sheet: Path, memory: int, gpu: Gpu | None = None
) -> RestorerJob:
    """Settle the training of a network that restores phases; None is for processors.

    Raises
    ------
    ConfigError
        If the sheet has faults, or no sample to train with.
    MismatchError, InputError
        If images, priors and truths do not belong together.
    """
    examples = tuple(_opened(case, design) for case in read_cases(sheet))
    if not any(example.case.split == "train" for example in examples):
        raise ConfigError(
            "TRAIN-SHORT",
            file=sheet,
            field="split",
            found="no sample to train with",
            expected="samples whose split is train",
            fix="add some",
        )
    torch.manual_seed(recipe.seed)
    arguments = design.network.arguments
    network = RSTAR4D(arguments.width, arguments.levels, stage=1)
    if recipe.start == "prior":
        let_the_prior_through(network)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    decides: list[Any] = [design.network.model_dump(mode="json"), design.input.model_dump(mode="json")]
    decides += [recipe.model_dump(mode="json", exclude_defaults=True), __version__]
    decides += [[example.case.sample, example.case.split, *example.digests] for example in examples]
    start = Checkpoint(0, hashlib.sha256(canonical(decides)).hexdigest(), weights, {})
    return RestorerJob(design, recipe, network, start, examples, memory, gpu)


def _opened(case: Case, design: RestoringDesign) -> Example:
    image, prior, truth = (open_image(path) for path in (case.image, case.prior, case.truth))
    with about(image.path):
        check_phases(image.image)
        check_prior(image.image, prior.image)
        check_method(image.reconstruction, design)
    same = truth.image.shape == image.image.shape and truth.image.geometry.close_to(image.image.geometry)
    if not same:
        raise MismatchError(
            "TRAIN-GRID",
            file=truth.path,
            field="grid",
            found=f"shape {truth.image.shape}",
            expected=f"phases and grid of {image.path.name}, {image.image.shape}",
            fix="reconstruct on the truth's grid",
        )
    digests = (image.commit.digest, prior.commit.digest, truth.commit.digest)
    return Example(case, image.image, prior.image, truth.image, digests)


def reached(job: RestorerJob, network: RSTAR4D, examples: Sequence[Example]) -> list[Reached]:
    """Run the network over whole images by the engine that predicts, and return how far off they are."""
    return [_reached(job, network, example) for example in examples]


def _reached(job: RestorerJob, network: RSTAR4D, example: Example) -> Reached:
    model, gpu = (job.design, network), job.gpu and job.gpu.left()
    run = prepare_restoration(example.image, example.prior, model, job.memory, gpu=gpu)
    found = np.empty(example.image.shape, np.float32)

    def write(region: tuple[slice, ...], values: NDArray[Any]) -> None:
        found[region] = values

    run.run(write)
    everywhere = tuple(slice(None) for _ in example.image.shape)
    truth = example.truth.read(everywhere).astype(np.float32)
    body = truth > BODY

    def error(values: NDArray[Any]) -> float:
        return float(np.sqrt(np.mean((values[body].astype(np.float64) - truth[body]) ** 2)))

    return Reached(example.case, error(example.image.read(everywhere)), error(found))


def write_restorer(
    folder: Path, name: str, job: RestorerJob, state: Checkpoint, results: Sequence[Reached]
) -> Path:
    """Write the model's folder, the model file last; return its path.

    Parameters
    ----------
    folder : Path
        ``results/models/NAME``.
    state : Checkpoint
        The last of the training.
    results : sequence of Reached
        On samples that were held back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_curves(folder, state)
    samples = {e.case.sample: {"split": e.case.split, "stores": e.digests} for e in job.examples}
    write_record(folder, state, samples)
    write_whole(folder / "card.md", "\n".join(_card(name, job, state, results)) + "\n")
    description = job.design.model_dump(exclude={"weights", "known_answer", "accuracy"}) | {
        "name": name,
        "weights": {
            "source": f"medscience train {job.design.name}",
            "trained_on": f"{len(job.of('train'))} samples, {state.step} steps; licence: "
            f"{job.recipe.card.data_licence}",
        },
        "accuracy": list(_accuracy(results)),
    }
    tensors = {key: value.numpy().copy() for key, value in state.weights.items()}
    return save_restoring_model(folder, description, tensors)


def _accuracy(results: Sequence[Reached]) -> Iterator[dict[str, Any]]:
    for split in dict.fromkeys(result.case.split for result in results):
        found = [result for result in results if result.case.split == split]
        before, after = (float(np.mean([getattr(r, end) for r in found])) for end in ("before", "after"))
        metric = f"RMSE in the body, HU, mean of the samples; of what it was given: {before:.1f}"
        yield {"data": f"{len(found)} {split} samples", "metric": metric, "value": round(after, 1)}


def _card(name: str, job: RestorerJob, state: Checkpoint, results: Sequence[Reached]) -> Iterator[str]:
    """Yield the lines of the card (Mitchell et al. 2019, arXiv:1810.03993)."""
    design, said = job.design, job.recipe.card
    yield from opening(name, design, said)
    yield f"- Data: {len(job.of('train'))} samples; licence: {said.data_licence}"
    yield "- No patient is in two splits.\n"
    yield f"## What it reaches\n\nRoot mean square error where the truth is above {BODY:g} HU, all phases.\n"
    yield "| sample | split | given, HU | restored, HU | less |\n|---|---|---|---|---|"
    for result in results:
        less = 1 - result.after / result.before
        cells = f"{result.before:.1f} | {result.after:.1f} | {less:.0%}"
        yield f"| {result.case.sample} | {result.case.split} | {cells} |"
    yield "\n![curves](curves.png)"
    yield from ending(job.recipe.seed, state, job.gpu)
