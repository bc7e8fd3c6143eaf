"""What a network reaches on whole images, run by the very engine that predicts."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from medscience.description import Design
from medscience.image import Image
from medscience.inference.job import prepare
from medscience.measure.agreement import Agreement, agreement, summary
from medscience.measure.statistics import bootstrap
from medscience.models.zoo import for_prediction
from medscience.progress import Tell, nobody
from medscience.recipe import Metric
from medscience.training.checkpoint import Validation
from medscience.training.examples import Example
from medscience.training.world import World


@dataclass(frozen=True, slots=True)
class Judge:
    """Validates a network on the same samples again and again."""

    design: Design
    examples: Sequence[Example]
    memory: int
    """Bytes that a prediction may take."""
    world: World = field(default_factory=World)
    tell: Tell = nobody

    def agreements(self, network: nn.Module) -> list[Agreement]:
        """Return how the network agrees with each sample's labels, before post-processing.

        The processes share the samples, and all get all answers.
        """
        ready = for_prediction(copy.deepcopy(network))
        classes = len(self.design.output.labels)
        counts = torch.zeros((len(self.examples), classes, classes), dtype=torch.int64)
        for number in range(self.world.rank, len(self.examples), self.world.size):
            counts[number] = torch.from_numpy(self._one(ready, self.examples[number]).confusion)
            self.tell(number + 1, len(self.examples))
        self.world.add_up([counts])
        return [Agreement(count.numpy()) for count in counts]

    def _one(self, network: nn.Module, example: Example) -> Agreement:
        gpu = self.world.gpu and self.world.gpu.left()
        job = prepare(example.image, (self.design, network), self.memory, gpu=gpu)
        found = np.zeros(example.image.shape, dtype=job.engine.head.decision)
        job.run(found.__setitem__)
        answer = Image(found, example.labels.meaning)
        return agreement(answer, example.labels, len(self.design.output.labels), example.unseen)

    def validation(self, network: nn.Module, step: int, metric: Metric) -> Validation:
        """Return the metric's mean over the samples, and how sure it is."""
        values = [summary(seen, metric) for seen in self.agreements(network)]
        known = [value for value in values if value is not None]
        interval = bootstrap(known)
        return Validation(step, interval.mean, interval.low, interval.high)
