"""What the model file of a network means that gives an image back, instead of labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medscience.config.yaml import Strict, check, parse_yaml
from medscience.description import About, Millimetres, Weighted
from medscience.errors import ConfigError, ModelError
from medscience.networks import Side
from medscience.recipe import Card

Method = Literal["fdk", "mckinnon-bates", "rooster"]
"""How phases are reconstructed that a network restores; ``medscience reconstruct --method``."""
Way = Literal[Method, "fit"]
"""And ``fit``: how what it restored is made to explain the views."""


class RSTAR4DArguments(Strict):
    """Arguments of `medscience.models.rstar4d.RSTAR4D`."""

    width: Side = 16
    levels: Annotated[int, Field(ge=2, le=6)] = 4
    stage: Literal[1, 2] = 2


class RestoringNetwork(Strict):
    """Which network, and its arguments."""

    name: Literal["rstar4d"]
    arguments: RSTAR4DArguments


class Scale(Strict):
    """What a network's numbers mean: (value + offset) / scale, of values in `unit`."""

    unit: Literal["HU"]
    offset: float = 0.0
    scale: Annotated[float, Field(gt=0)]


class PhasesInput(Strict):
    """What the network expects to see: phases of a breath, and the image of all of them as second channel."""

    modality: Literal["CBCT"]
    axes: Annotated[str, Field(pattern="^[LRPAIS]{3}$")]
    """Where the network's axes z, y and x run; images are turned to them, never resampled."""
    spacing: tuple[Millimetres, Millimetres, Millimetres] | None = None
    """Voxel size that it was trained at, in millimetres along those axes; None where nobody says."""
    phases: Side
    """Number of phases that it was trained with; it runs with any."""
    reconstruction: Method = "fdk"
    """How the phases were reconstructed that it learned to restore: other ways leave other streaks."""
    rounds: Annotated[int, Field(ge=1, le=9)] = 1
    """How often phases are reconstructed and restored: after the first time each with what was restored as
    what is known before (``medscience reconstruct --again``)."""
    values: Scale

    @model_validator(mode="after")
    def _has_a_way_back(self) -> Self:
        if self.rounds > 1 and self.reconstruction != "mckinnon-bates":
            raise ValueError("more than one of rounds needs reconstruction: mckinnon-bates")
        return self


class Fitting(Strict):
    """How restored phases are fitted to the views afterwards (``medscience reconstruct --method fit``)."""

    rounds: Side
    smooth_space: Annotated[float, Field(ge=0)]
    """Weight of the total variation in space, of attenuation in 1/mm."""


class ImageOutput(Strict):
    """What the network's answer means: an image on the grid of its input."""

    image: Scale
    fit: Fitting | None = None
    """For phases with projections; None: the answer stays as it is."""


class TetrisStage(Strict):
    """A part of the training, with an optimiser and a learning rate of its own."""

    dimensions: Literal["2D+T", "4D"]
    blocks: Annotated[tuple[tuple[Side, Side, Side], ...], Field(min_length=1)]
    """Sides along z, y and x of the blocks that are drawn, each form as often."""
    steps: Side
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-4
    halved: tuple[Annotated[float, Field(gt=0, lt=1)], ...]
    """Parts of the steps after which the learning rate is halved."""
    moving: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The part of the blocks that are drawn about a voxel that moves, the more often the further its values
    go; the others, as published, anywhere."""


class Tetris(Strict):
    """How the weights of RSTAR4D-Net are made: planes in time, then blocks in space and time."""

    stages: Annotated[tuple[TetrisStage, ...], Field(min_length=1)]
    save_every: Side
    """Steps after which at most so much work is lost."""
    seed: int
    start: Literal["random", "prior"] = "random"
    """``random``: as published. ``prior``: the network first gives the image of all phases as it is, and
    learns what moves; where steps are few."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions while learning; the loss, and the weights, are in float32."""
    card: Card = Card()

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def at(self, step: int) -> tuple[TetrisStage, float]:
        """Return the stage and the learning rate of a step, counted from 1.

        >>> stage = TetrisStage(dimensions="4D", blocks=((2, 8, 8),), steps=4, learning_rate=1, halved=(0.5,))
        >>> [Tetris(stages=(stage,), save_every=1, seed=0).at(step)[1] for step in (1, 2, 3, 4)]
        [1.0, 1.0, 0.5, 0.5]
        """
        before = 0
        for stage in self.stages:
            if step <= before + stage.steps:
                over = sum(step - before > part * stage.steps for part in stage.halved)
                return stage, stage.learning_rate / 2**over
            before += stage.steps
        raise ValueError(f"step {step} of {self.steps}")

    def begins(self, step: int) -> bool:
        """Whether a stage begins with a step."""
        ends = [sum(stage.steps for stage in self.stages[:n]) for n in range(len(self.stages))]
        return step - 1 in ends

    @model_validator(mode="after")
    def _opens_once(self) -> "Tetris":
        kinds = [stage.dimensions for stage in self.stages]
        if kinds != sorted(kinds):
            raise ValueError("stages of 2D+T come before those of 4D: z is opened once")
        return self


class RestoringDesign(About):
    """A network that restores an image, without its weights; ``config/recipes/NAME.yaml``."""

    network: RestoringNetwork
    input: PhasesInput
    output: ImageOutput
    training: Tetris | None = None
    """How the weights are made, where that is known."""

    @model_validator(mode="after")
    def _axes_differ(self) -> "RestoringDesign":
        if len({"LRPAIS".index(letter) // 2 for letter in self.input.axes}) != 3:
            raise ValueError(f"input.axes must name each world axis once, found {self.input.axes}")
        return self


class RestoringModel(RestoringDesign, Weighted):
    """The only home of what is tied to the weights of a network that restores an image."""


def read_restoring_design(path: Path) -> tuple[RestoringDesign, Tetris]:
    """Return the content of a recipe, or of a model file that has one.

    Raises
    ------
    ModelError
        If it does not say how the network is trained.
    """
    content = parse_yaml(path)
    has_weights = isinstance(content, dict) and "weights" in content
    design = check(path, content, RestoringModel if has_weights else RestoringDesign)
    if design.training is None:
        raise ModelError(
            "TRAIN-RECIPE",
            file=path,
            field="training",
            found="nothing",
            expected="stages, and a seed",
            fix="name a recipe, such as config/recipes/rstar4d.yaml",
        )
    return design, design.training


def reconstruction_for(models: Iterable[Path]) -> Method:
    """Return how phases are reconstructed that all of some models can restore; "fdk" where none restores.

    Raises
    ------
    ConfigError
        If they learned from different ones.
    """
    contents = {path: parse_yaml(path) for path in models}
    wanted = {
        path: check(path, content, RestoringModel).input.reconstruction
        for path, content in contents.items()
        if is_restoring(content)
    }
    if len(set(wanted.values())) > 1:
        raise ConfigError(
            "CONFIG-METHODS",
            field="models.cbct4d",
            found=", ".join(f"{path.stem}: {method}" for path, method in wanted.items()),
            expected="models that learned from phases of one reconstruction",
            fix="run them one after the other, each with settings and a folder of its own",
        )
    return next(iter(wanted.values()), "fdk")


def rounds_for(path: Path) -> int:
    """Return how often a model has phases reconstructed and restored; 1 where it restores none."""
    content = parse_yaml(path)
    return check(path, content, RestoringModel).input.rounds if is_restoring(content) else 1


def fitting_for(path: Path) -> Fitting | None:
    """Return how what a model restored is fitted to the views; None where it is not."""
    content = parse_yaml(path)
    return check(path, content, RestoringModel).output.fit if is_restoring(content) else None


def restores(path: Path) -> bool:
    """Whether a model file is of a network that gives an image instead of labels."""
    return is_restoring(parse_yaml(path))


def is_restoring(content: object) -> bool:
    """Whether a file's content is that of such a model."""
    output = content.get("output") if isinstance(content, dict) else None
    return isinstance(output, dict) and "image" in output
