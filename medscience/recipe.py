"""How weights are made from a sheet of images and labels: the `training` section of a model file."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medscience.config.yaml import Strict

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

Sampling = Literal[
    "anywhere",
    "class-balanced",
    "every-class",
    "inside-box",
    "label-balanced-inside-box",
    "place-balanced",
    "whole-volume",
]
Learning = Literal["everything", "slices", "volume", "end-to-end"]
Looking = Literal["maps", "counter"]
Precision = Literal["float32", "bfloat16"]
Metric = Literal["dice", "mcc", "dice_with_background"]


class Stage(Strict):
    """A part of the training, with a cycle of the learning rate of its own."""

    sampling: Sampling
    """Where patches lie: anywhere; around a voxel of a class, each class as often; so that every class of the
    case is in them; inside the box of the labels; there, and around a voxel of a label, each label as often;
    or all of the image."""
    patch: tuple[Count, Count, Count] | None = None
    """Voxels along the network's axes; none where the patch is the whole volume."""
    steps: Count | None = None
    epochs: Positive | None = None
    """Instead of steps: how often as many patches are drawn as there are samples."""
    batch: Count = 1
    """Patches from which a step learns, however many processes share them."""
    at_once: Count | None = None
    """Of these, how many a process holds at once; default: all."""
    learning_rate: Positive
    """The largest of the cycle."""
    learns: Learning = "everything"
    """Which part of an H-DenseUNet, in its three steps: the branch on ``slices`` by its own logits; that on
    ``volume`` and the fusion, while the one on slices keeps still; all of it ``end-to-end``, while statistics
    of normalisation keep still, but for those of the path up through volumes and of the fusion."""

    precision: Precision | None = None
    """Instead of the recipe's."""

    def length(self, samples: int) -> int:
        """Return the number of steps with so many samples."""
        return self.steps or math.ceil((self.epochs or 0) * samples / self.batch)

    @model_validator(mode="after")
    def _fits_together(self) -> "Stage":
        if (self.patch is None) != (self.sampling == "whole-volume"):
            raise ValueError("patch must be given, but not where sampling is whole-volume")
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if self.patch is None and self.batch > 1 and self.at_once != 1:
            raise ValueError("whole volumes differ in size: set at_once to 1")
        if self.batch % (self.at_once or self.batch):
            raise ValueError(f"batch must be a multiple of at_once, found {self.batch} and {self.at_once}")
        return self


class Loss(Strict):
    """What the training makes small; voxels that nobody looked at do not count."""

    name: Literal["cross-entropy", "dice-cross-entropy"] = "cross-entropy"
    class_weights: Annotated[tuple[NotNegative, ...], Field(min_length=2)]
    """Of the cross-entropy, one for each class."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    average: Literal["weights", "voxels"] = "weights"
    """Whether the weighted cross-entropy is divided by the voxels' weights, or by their number."""
    skip_ends: Annotated[int, Field(ge=0)] = 0
    """Slices at either end of a patch, along the network's first axis, that do not count."""
    slices: NotNegative = 0.0
    """Weight of the same loss of an H-DenseUNet's branch on slices, added where all of it learns."""


class Optimiser(Strict):
    """How weights follow their gradients."""

    name: Literal["adamw", "rmsprop", "sgd", "muon"]
    """``sgd``: with Nesterov's momentum of 0.9; ``muon``: Muon for hidden kernels, Adam at 0.3 of the
    learning rate for the rest."""
    weight_decay: NotNegative = 0.0
    epsilon: Positive = 1e-8


class Cycle(Strict):
    """The learning rate rises and falls once, by cosines (Smith and Topin 2017, arXiv:1708.07120)."""

    warm: Share = 0.1
    """Part of a stage's steps in which it rises."""
    start: Share = 0.04
    """Where it begins, as a part of the largest."""
    end: Share = 4e-6
    """Where it ends, likewise."""


class Augmentation(Strict):
    """How patches are changed at random before the network sees them; nothing by default."""

    mirror: tuple[Annotated[int, Field(ge=0, le=2)], ...] = ()
    """Axes of the network along which half of the patches are mirrored."""
    dihedral: bool = False
    """Whether slices are turned by right angles and mirrored, in all eight ways."""
    rotate: Annotated[float, Field(ge=0, le=45)] = 0.0
    """Largest angle about each axis, in degrees."""
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest part by which a patch is made larger or smaller."""
    warp: NotNegative = 0.0
    """Largest way along each axis, in voxels, of a smooth field by which a patch is bent."""
    in_plane: bool = False
    """Whether rotations, scales and bends leave every slice, across the network's first axis, where it is."""
    contrast: Share = 0.0
    """Part of the patches in which every label's brightness is drawn anew: so shape is learned."""
    gamma: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Largest logarithm of the exponent of brightness."""
    bias: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Largest logarithm of a smooth field that brightness is multiplied with."""
    shift: NotNegative = 0.0
    """Largest value of a smooth field that is added, in what the network sees: HU where that is."""
    noise: NotNegative = 0.0
    """Largest standard deviation of noise that is added, in what the network sees: HU where that is."""


class Card(Strict):
    """What only people know of a model; it goes into its card."""

    data_licence: str = "not stated"
    made_for: str = "not stated"
    not_for: str = "decisions about a person: nobody has tested it for that"


class Course(Strict):
    """What every recipe says, whatever it is for."""

    optimiser: Optimiser
    cycle: Cycle = Cycle()
    settle: Share = 0.75
    """Part of all steps after which batch normalisation keeps its statistics; 0: it never changes them."""
    precision: Precision = "float32"
    """Of the convolutions; weights and loss are always float32."""
    validate_every: Count
    """Steps."""
    save_every: Count
    """Steps after which at most so much work is lost."""
    seed: int
    card: Card = Card()


class Recipe(Course):
    """Everything that decides the weights, beside the data."""

    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    loss: Loss
    augmentation: Augmentation = Augmentation()
    start: Literal["identity", "xavier"] = "identity"
    """How weights are drawn where there are none to start from."""
    checkpointing: bool = False
    """Whether layers are computed again on the way back instead of being held."""
    best_by: Metric = "dice"
    """Of the labels' mean over the validation samples."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """In how many parts ``--fold`` divides the patients."""


class FrameStage(Strict):
    """A part of a training on frames, with a cycle of the learning rate of its own."""

    steps: Count
    batch: Count
    """Frames from which a step learns."""
    at_once: Count | None = None
    """Of these, how many are held at once; default: all."""
    learning_rate: Positive
    """The largest of the cycle."""
    learns: Looking = "maps"
    """What learns: the maps of a frame, or the second look at what they show."""

    def length(self, _samples: int) -> int:
        """Return the number of steps."""
        return self.steps


class Frames(Strict):
    """Frames that are simulated as they are needed, each for one step only."""

    parts: dict[Literal["espi", "spnet", "black"], Positive]
    """How often each style comes (`medscience.simulate.espi.drawn`)."""
    first_seed: Annotated[int, Field(ge=0)]
    """Of step 0; each step has the next."""
    validation_seed: Annotated[int, Field(ge=0)]
    """Of the frames that choose the best weights; none of the steps'."""
    validation_count: Count
    """How many of each style."""
    calibration_seed: Annotated[int, Field(ge=0)]
    """Of the frames on which the intervals of counts are calibrated; none of those before."""
    calibration_count: Count
    """How many of each style."""


class FrameRecipe(Course):
    """Everything that decides the weights of a detector."""

    frames: Frames
    stages: Annotated[tuple[FrameStage, ...], Field(min_length=1)]
    best_by: Literal["rings_within_half"] = "rings_within_half"
    """Part of all antinodes whose rings are counted within 0.5, the mean of the styles."""

    @model_validator(mode="after")
    def _apart(self) -> "FrameRecipe":
        last = self.frames.first_seed + sum(stage.steps for stage in self.stages)
        held_back = {self.frames.validation_seed, self.frames.calibration_seed}
        if len(held_back) < 2 or any(self.frames.first_seed <= seed <= last for seed in held_back):
            raise ValueError(
                "validation_seed and calibration_seed must differ from each other and from the steps', "
                f"{self.frames.first_seed} to {last}"
            )
        return self


AnyRecipe = Recipe | FrameRecipe
AnyStage = Stage | FrameStage
