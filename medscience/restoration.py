"""What the model file of a network means that gives an image back, instead of labels."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medscience.config.yaml import Strict, parse_yaml
from medscience.description import About, Millimetres, Side, Weighted


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
    values: Scale


class ImageOutput(Strict):
    """What the network's answer means: an image on the grid of its input."""

    image: Scale


class RestoringModel(About, Weighted):
    """The only home of what is tied to the weights of a network that restores an image."""

    network: RestoringNetwork
    input: PhasesInput
    output: ImageOutput

    @model_validator(mode="after")
    def _axes_differ(self) -> "RestoringModel":
        if len({"LRPAIS".index(letter) // 2 for letter in self.input.axes}) != 3:
            raise ValueError(f"input.axes must name each world axis once, found {self.input.axes}")
        return self


def restores(path: Path) -> bool:
    """Whether a model file is of a network that gives an image instead of labels."""
    return is_restoring(parse_yaml(path))


def is_restoring(content: object) -> bool:
    """Whether a file's content is that of such a model."""
    output = content.get("output") if isinstance(content, dict) else None
    return isinstance(output, dict) and "image" in output
