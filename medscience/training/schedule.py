"""Which stage a step belongs to, and how long it is to be: numbers only."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from medscience.recipe import AnyRecipe, AnyStage, Cycle


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a recipe for a number of samples, counted from 1."""

    recipe: AnyRecipe
    samples: int
    """Of which an epoch draws as many patches."""

    @property
    def lengths(self) -> list[int]:
        """Steps of each stage."""
        return [stage.length(self.samples) for stage in self.recipe.stages]

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(self.lengths)

    @property
    def settles(self) -> int:
        """Steps after which batch normalisation keeps its statistics."""
        return int(self.recipe.settle * self.steps)

    def at(self, step: int) -> tuple[AnyStage, float]:
        """Return the stage of a step, and its learning rate."""
        stages: tuple[AnyStage, ...] = self.recipe.stages
        for stage, length in zip(stages, self.lengths, strict=True):
            if step <= length:
                return stage, stage.learning_rate * cycled(self.recipe.cycle, step - 1, length)
            step -= length
        raise ValueError(f"there are {self.steps} steps")

    def begins(self, step: int) -> bool:
        """Whether a step is the first of a stage."""
        return any(step == 1 + sum(self.lengths[:n]) for n in range(len(self.lengths)))

    def stages_after(self, step: int) -> Iterator[tuple[int, AnyStage]]:
        """Yield every step after one, with its stage."""
        for later in range(step + 1, self.steps + 1):
            yield later, self.at(later)[0]


def cycled(cycle: Cycle, done: int, steps: int) -> float:
    """Return the learning rate as a part of the largest, `done` steps into a cycle of `steps`.

    The form of ``torch.optim.lr_scheduler.OneCycleLR`` with cosines, as a function of the step alone.

    >>> [round(cycled(Cycle(warm=0.5, start=0.1, end=0.0), done, 5), 3) for done in range(5)]
    [0.1, 0.775, 0.905, 0.345, 0.0]
    """
    top, last = cycle.warm * steps - 1, steps - 1
    if done <= top:
        return _cosine(cycle.start, 1.0, done / top if top else 1.0)
    return _cosine(1.0, cycle.end, (done - top) / (last - top))


def _cosine(begin: float, end: float, part: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * part)) / 2
