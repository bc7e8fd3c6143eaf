"""A detector from its recipe: what is settled before its training, and what the training leaves."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from medscience import __version__
from medscience.detector import DetectorDesign, Findings, FringeNetwork
from medscience.errors import ModelError
from medscience.inference.gpu import Gpu
from medscience.models.fold import folded
from medscience.models.save import save_detector
from medscience.models.zoo import build
from medscience.progress import Tell
from medscience.recipe import FrameRecipe
from medscience.store.commit import canonical
from medscience.store.files import write_whole
from medscience.training.checkpoint import Checkpoint
from medscience.training.curves import write_curves
from medscience.training.detection import SURE, FrameJudge, calibrated, frame_batches, frame_losses
from medscience.training.fit import Fit, Save
from medscience.training.made import ending, opening, write_record
from medscience.training.schedule import Schedule
from medscience.training.world import World


@dataclass(frozen=True, slots=True)
class DetectorJob:
    """The training of a detector that is about to run."""

    design: DetectorDesign
    recipe: FrameRecipe
    arguments: FringeNetwork
    network: nn.Module
    start: Checkpoint
    """Step 0, with weights that follow from the seed."""
    gpu: Gpu | None = None
    """On which it learns; None: on processors."""

    def fit(self, save: Save, tell: Tell) -> Fit:
        """Return the training, ready to run."""
        return Fit(
            Schedule(self.recipe, 0),
            partial(frame_batches, self.recipe, self.arguments.arguments.counts),
            FrameJudge(self.recipe.frames),
            save,
            World(gpu=self.gpu),
            tell,
            losses=frame_losses,
        )


def prepare_detector(design: DetectorDesign, gpu: Gpu | None = None) -> DetectorJob:
    """Settle the training of a detector; None is for processors.

    Raises
    ------
    ModelError
        If the design has no recipe, or is that of the published network: its training is not repeated here.
    """
    recipe = design.training
    if recipe is None or not isinstance(design.network, FringeNetwork):
        raise ModelError(
            "TRAIN-RECIPE",
            field="training",
            found="nothing" if recipe is None else f"a recipe for {design.network.name}",
            expected="a recipe for the network fringe",
            fix="name one, such as config/recipes/fringe.yaml",
        )
    torch.manual_seed(recipe.seed)
    network = build(design.network)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    decides = [
        design.network.model_dump(mode="json", exclude_none=True),
        recipe.model_dump(mode="json", exclude_defaults=True),
        __version__,
    ]
    start = Checkpoint(0, hashlib.sha256(canonical(decides)).hexdigest(), weights, {})
    return DetectorJob(design, recipe, design.network, network, start, gpu)


def write_detector(folder: Path, name: str, job: DetectorJob, state: Checkpoint) -> Path:
    """Calibrate the best weights, and write the model's folder, the model file last; return its path.

    Parameters
    ----------
    folder : Path
        ``results/models/NAME``.
    state : Checkpoint
        The last of the training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job.network.load_state_dict(dict(state.best))
    interval = calibrated(folded(job.network), job.recipe.frames)
    output = Findings(least_score=SURE, interval=interval)
    write_curves(folder, state, job.recipe.best_by)
    write_record(folder, state)
    write_whole(folder / "card.md", "\n".join(_card(name, job, state, output)) + "\n")
    steps, batch = state.step, job.recipe.stages[0].batch
    description = job.design.model_dump(exclude={"weights", "known_answer", "accuracy", "output"}) | {
        "name": name,
        "output": output.model_dump(),
        "weights": {
            "source": f"medscience train {job.design.name}",
            "trained_on": f"simulated frames only, {steps} steps of {batch}, each frame seen once",
        },
    }
    tensors = {key: value.numpy().copy() for key, value in state.best.items()}
    return save_detector(folder, description, tensors)


def _card(name: str, job: DetectorJob, state: Checkpoint, output: Findings) -> Iterator[str]:
    """Yield the lines of the card (Mitchell et al. 2019, arXiv:1810.03993)."""
    design, about, best = job.design, job.recipe.card, state.best_validation
    yield from opening(name, design, about)
    yield f"- Data: simulated as they were needed; licence: {about.data_licence}\n"
    if best:
        yield "Rings within 0.5, misses counted, mean of both styles, on the frames that chose the weights:"
        yield f"{best.value:.3f} ({best.low:.3f} to {best.high:.3f}), step {best.step}.\n"
    yield f"Intervals: {output.interval.level:.0%}, calibrated on {output.interval.calibrated_on}."
    yield "\n![curves](curves.png)"
    yield from ending(job.recipe.seed, state, job.gpu)
