"""The Tetris training of RSTAR4D-Net: planes in time first, then blocks in space and time of several forms.

Deng et al. 2025, arXiv:2403.16361, Fig. 6. Four-dimensional images are few, their planes are many: so a
network that looks along no z learns from planes, then z is opened such that at first nothing changes, and it
goes on with blocks that fit a memory: broad and thin, or narrow and thick.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from medscience.errors import TrainingError
from medscience.image import Image
from medscience.models.rstar4d import RSTAR4D, opened
from medscience.progress import Tell, nobody
from medscience.recipe import Optimiser
from medscience.restoration import Tetris
from medscience.training.checkpoint import Checkpoint
from medscience.training.follow import Follower
from medscience.training.moving import moving_voxel
from medscience.training.place import PROCESSORS, copied, place_of, rounding, within_gpu_memory
from medscience.training.restoring import HOUNSFIELD, restoring_loss

log = logging.getLogger(__name__)

Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Phases:
    """An image of phases to learn from, in Hounsfield units and in the network's axes."""

    name: str
    image: Image
    """Shape (T, Z, Y, X), with streaks."""
    prior: Image
    """Shape (Z, Y, X), of all phases."""
    truth: Image
    """Shape (T, Z, Y, X), without streaks."""
    motion: NDArray[np.float64] | None = None
    """How much each of its cells moves (`medscience.training.moving`), where a stage wants to know."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a step learns from."""

    seen: NDArray[np.float32]
    """Shape (2, T, Z, Y, X), Hounsfield units / 1000."""
    truth: NDArray[np.float32]
    """Shape (T, Z, Y, X), likewise."""
    name: str
    """Where it was taken, to be named if it is at fault."""


def drawn(examples: Sequence[Phases], recipe: Tetris, step: int) -> Block:
    """Return the block of a step: it follows from the recipe's seed and the step, and from nothing else."""
    random = np.random.default_rng([recipe.seed, step])
    stage, _ = recipe.at(step)
    example = examples[int(random.integers(len(examples)))]
    form = stage.blocks[int(random.integers(len(stage.blocks)))]
    sides = [min(side, n) for side, n in zip(form, example.prior.shape, strict=True)]
    room = [n - side for side, n in zip(sides, example.prior.shape, strict=True)]
    if stage.moving and random.random() < stage.moving and example.motion is not None:
        corner = moving_voxel(example.motion, random) - random.integers(sides)
        starts = np.clip(corner, 0, room).tolist()
    else:
        starts = [int(random.integers(n + 1)) for n in room]
    place: Region = tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    phases, truth = (_scaled(image.read((slice(None), *place))) for image in (example.image, example.truth))
    prior = np.broadcast_to(_scaled(example.prior.read(place)), phases.shape)
    where = " x ".join(f"{part.start}-{part.stop}" for part in place)
    return Block(np.stack([phases, prior]), truth, f"{example.name} {where}")


def learned(
    recipe: Tetris,
    network: RSTAR4D,
    examples: Sequence[Phases],
    state: Checkpoint,
    save: Callable[[Checkpoint], None],
    tell: Tell = nobody,
    place: torch.device = PROCESSORS,
) -> tuple[RSTAR4D, Checkpoint]:
    """Train from a state to the end; return the network and the last state.

    Where it was interrupted and goes on, the weights become the same to the bit.

    Parameters
    ----------
    recipe : Tetris
        Stages, seed, and after how many steps to save.
    network : RSTAR4D
        Of stage 1; it gives its form only.
    examples : sequence of Phases
        Images that hold a block, each as often drawn.
    state : Checkpoint
        Step 0 with the weights to start from, or what an interrupted training saved.
    save : callable
        Takes states.
    tell : callable
        Hears of every step.
    place : device
        Where to learn.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    MemoryPromiseError
        If a GPU has no room for a step.
    """
    network, follower = _begun(recipe, network, state, place)
    tell(state.step, recipe.steps)
    begun, before = time.perf_counter(), state.seconds
    for step in range(state.step + 1, recipe.steps + 1):
        stage, learning_rate = recipe.at(step)
        if recipe.begins(step) and stage.dimensions == "4D":
            network = opened(network).to(place)
        if recipe.begins(step):
            follower = Follower(network, ADAM)
        with within_gpu_memory(step):
            loss = _learn(network, drawn(examples, recipe, step), step, recipe.precision)
        follower.step(learning_rate)
        state = replace(state, step=step, losses=(*state.losses, loss))
        if step % recipe.save_every == 0 or step == recipe.steps:
            weights = {name: copied(value) for name, value in network.state_dict().items()}
            seconds = before + time.perf_counter() - begun
            state = replace(state, weights=weights, optimiser=follower.state(), seconds=seconds)
            save(state)
        tell(step, recipe.steps)
    return network.eval(), state


LONGEST = 1.0
"""Norm of a step's gradient, at most: without it, one block of a few bright streaks can undo a training."""

ADAM = Optimiser(name="adamw")
"""Without decay of weights that is Adam, with the usual 0.9 and 0.999."""


def _begun(
    recipe: Tetris, network: RSTAR4D, state: Checkpoint, place: torch.device
) -> tuple[RSTAR4D, Follower]:
    """The network and its optimiser as they were after the state's step."""
    stage, _ = recipe.at(max(state.step, 1))
    made = RSTAR4D(network.width, len(network.encode), stage=1 if stage.dimensions == "2D+T" else 2)
    made.load_state_dict(dict(state.weights))
    follower = Follower(made.to(place).train(), ADAM)
    follower.restore(state.optimiser)
    return made, follower


def _learn(network: RSTAR4D, block: Block, step: int, precision: str) -> float:
    """Leave the gradients of a step's loss in the network, and return the loss."""
    network.zero_grad()
    place = place_of(network)
    with rounding(network, precision):
        found: Tensor = network(torch.from_numpy(block.seen)[None].to(place))[0, 0]
    loss = restoring_loss(found.float(), torch.from_numpy(block.truth).to(place))
    loss.backward()  # type: ignore[no-untyped-call]
    if not torch.isfinite(loss):
        raise TrainingError(
            "TRAIN-NOT-FINITE",
            field=f"step {step}",
            found=f"a loss of {loss.item()} on {block.name}",
            expected="a finite loss",
            fix="look at these voxels, or lower the learning rate; the last checkpoint is good",
        )
    clip_grad_norm_(network.parameters(), LONGEST)
    return loss.item()


def _scaled(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(values.astype(np.float32) / np.float32(HOUNSFIELD), np.float32)
