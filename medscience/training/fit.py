"""The training loop: patches in, weights out; the same weights however often it was interrupted."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from medscience.ahead import made_ahead
from medscience.errors import TrainingError
from medscience.inference.memory import freed_memory_kept
from medscience.models.hdenseunet import HDenseUNet
from medscience.progress import Tell, nobody
from medscience.recipe import AnyRecipe, AnyStage, Recipe, Stage
from medscience.training.checkpoint import Checkpoint, Validation
from medscience.training.follow import Follower
from medscience.training.losses import batch_losses
from medscience.training.optimise import lay_out
from medscience.training.parts import let_learn
from medscience.training.patch import Patch
from medscience.training.place import copied, place_of, rounding, within_gpu_memory
from medscience.training.recompute import logits_of
from medscience.training.schedule import Schedule
from medscience.training.start import settle
from medscience.training.world import World

log = logging.getLogger(__name__)


class Item(Protocol):
    """What a network learns from at once: a patch, or a frame."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...


Batches = Callable[[Iterator[tuple[int, Any]]], Iterator[list[Any]]]
"""Takes steps with their stages, gives this process' items of each."""
Losses = Callable[[nn.Module, Sequence[Any], Any, Any], Tensor]
"""Takes a network, items, the recipe and the stage, gives the loss of each item."""
Validate = Callable[[nn.Module, int], Validation]
Save = Callable[[Checkpoint], None]


@dataclass(slots=True)
class Clock:
    """Where the time went, in seconds."""

    waiting: float = 0.0
    """For patches."""
    learning: float = 0.0

    @property
    def data_share(self) -> float:
        """Part of a step in which nothing is done but wait for its data."""
        return self.waiting / max(self.waiting + self.learning, 1e-9)


def patch_losses(network: nn.Module, patches: Sequence[Patch], recipe: Recipe, stage: Stage) -> Tensor:
    """Return the loss of each patch."""
    images = torch.from_numpy(np.stack([patch.image for patch in patches]))[:, None]
    seen = images.to(place_of(network)).contiguous(memory_format=torch.channels_last_3d)
    labels = torch.from_numpy(np.stack([patch.labels for patch in patches])).to(seen.device)
    with rounding(network, stage.precision or recipe.precision):
        if not isinstance(network, HDenseUNet):
            logits = logits_of(network, seen, checkpointing=recipe.checkpointing)
            return batch_losses(logits.float(), labels, recipe.loss)
        if stage.learns == "slices":  # the outermost have no neighbours
            inner = recipe.loss.model_copy(update={"skip_ends": 0})
            return batch_losses(network.between(seen).float(), labels[:, 1:-1], inner)
        fused, sliced = network.both(seen)
    losses = batch_losses(fused.float(), labels, recipe.loss)
    if recipe.loss.slices and stage.learns != "volume":
        losses = losses + recipe.loss.slices * batch_losses(sliced.float(), labels, recipe.loss)
    return losses


@dataclass(frozen=True, slots=True)
class Fit:
    """A training: what to do, and who is told."""

    schedule: Schedule
    batches: Batches
    validate: Validate
    save: Save
    world: World = field(default_factory=World)
    tell: Tell = nobody
    clock: Clock = field(default_factory=Clock)
    losses: Losses = patch_losses

    @property
    def recipe(self) -> AnyRecipe:
        """The recipe."""
        return self.schedule.recipe

    def run(self, network: nn.Module, state: Checkpoint) -> Checkpoint:
        """Train from a state to the end, and return the last state.

        Parameters
        ----------
        network : Module
            Maps (B, 1, I, J, K) to logits (B, classes, I, J, K). It takes the state's weights, and has the
            last ones afterwards.
        state : Checkpoint
            Step 0 with the weights to start from, or what an interrupted training saved.

        Raises
        ------
        TrainingError
            If the loss or a gradient is not finite: the last state that was saved is good.
        """
        self._refuse_statistics_of_parts(network)
        network.load_state_dict(dict(state.weights))
        lay_out(network)
        network.to(self.world.place)
        follower = Follower(network, self.recipe.optimiser)
        follower.restore(state.optimiser)
        self._set_out(network, state.step + 1)
        self.tell(state.step, self.schedule.steps)
        coming = made_ahead(self.batches(self.schedule.stages_after(state.step)))
        with freed_memory_kept(), closing(coming):
            for step in range(state.step + 1, self.schedule.steps + 1):
                state = self._step(network, follower, step, coming, state)
                self.tell(step, self.schedule.steps)
        network.eval()
        return state

    def _set_out(self, network: nn.Module, step: int) -> None:
        """Let those parts learn that a step's stage names, and others keep still."""
        if step <= self.schedule.steps:
            stage, _ = self.schedule.at(step)
            let_learn(network, stage.learns)
        if step > self.schedule.settles:
            network.apply(settle)

    def _refuse_statistics_of_parts(self, network: nn.Module) -> None:
        """Batch normalisation that learns from a part of each batch is another network."""
        normed = any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d) for layer in network.modules())
        if normed and self.world.size > 1 and self.schedule.settles:
            raise TrainingError(
                "TRAIN-BATCHNORM",
                field="training.settle",
                found=f"{self.recipe.settle:g} with {self.world.size} processes",
                expected="0: each process would learn other statistics",
                fix="freeze batch normalisation with `settle: 0`, or train in one process",
            )

    def _step(
        self,
        network: nn.Module,
        follower: Follower,
        step: int,
        coming: Iterator[list[Item]],
        state: Checkpoint,
    ) -> Checkpoint:
        stage, learning_rate = self.schedule.at(step)
        if self.schedule.begins(step):
            self._set_out(network, step)
        begun = time.perf_counter()
        batch = next(coming)
        ready = time.perf_counter()
        torch.manual_seed(int(np.random.SeedSequence([self.recipe.seed, step]).generate_state(1)[0]))
        with within_gpu_memory(step):
            loss = self._learn(network, batch, stage, step)
        follower.step(learning_rate)
        self.clock.waiting += ready - begun
        self.clock.learning += time.perf_counter() - ready
        if step == self.schedule.settles:
            network.apply(settle)
        state = replace(state, step=step, losses=(*state.losses, loss))
        state = self._validated(network, state)
        state = replace(state, seconds=state.seconds + time.perf_counter() - begun)
        return self._saved(network, follower, state)

    def _learn(self, network: nn.Module, batch: Sequence[Item], stage: AnyStage, step: int) -> float:
        """Leave the gradients of a step's loss in the network, and return the loss."""
        network.zero_grad()
        total = torch.zeros(1, dtype=torch.float64, device=self.world.place)
        at_once = stage.at_once or stage.batch
        for first in range(0, len(batch), at_once):
            losses = self.losses(network, batch[first : first + at_once], self.recipe, stage)
            (losses.sum() / stage.batch).backward()  # type: ignore[no-untyped-call]
            total += losses.detach().sum().double() / stage.batch
        gradients = [_gradient(weight) for weight in network.parameters() if weight.requires_grad]
        self.world.add_up([total])
        self.world.add_up(gradients)
        loss = total.item()
        if not (np.isfinite(loss) and all(bool(torch.isfinite(g).all()) for g in gradients)):
            raise TrainingError(
                "TRAIN-NOT-FINITE",
                field=f"step {step}",
                found=f"a loss of {loss} on {'; '.join(item.name for item in batch)}",
                expected="finite loss and gradients",
                fix="look at these voxels, or lower the learning rate; the last checkpoint is good",
            )
        return loss

    def _validated(self, network: nn.Module, state: Checkpoint) -> Checkpoint:
        """Validate, where it is time to."""
        if state.step % self.recipe.validate_every and state.step != self.schedule.steps:
            return state
        found = self.validate(network, state.step)
        best = state.best_validation
        recent = np.mean(state.losses[-20:])
        log.info("step %d: loss %.4f, %s %.4f", state.step, recent, self.recipe.best_by, found.value)
        if best is None or found.value > best.value:
            state = replace(state, best=_copied(network.state_dict()))
        return replace(state, validations=(*state.validations, found))

    def _saved(self, network: nn.Module, follower: Follower, state: Checkpoint) -> Checkpoint:
        """Save, where it is time to."""
        if state.step % self.recipe.save_every and state.step != self.schedule.steps:
            return state
        state = replace(state, weights=_copied(network.state_dict()), optimiser=follower.state())
        self.save(state)
        return state


def _gradient(weight: nn.Parameter) -> Tensor:
    """The weight's gradient, zeros where the loss does not depend on it."""
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def _copied(tensors: dict[str, Any]) -> dict[str, Tensor]:
    return {name: copied(value) for name, value in tensors.items()}
