"""The settings of a training run, ``config/training.yaml``."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from medscience.config.pairs import Pair, read_pairs
from medscience.config.settings import ModelName
from medscience.config.yaml import Strict, read_yaml


class TrainingSettings(Strict):
    """The keys of ``config/training.yaml``."""

    recipe: str
    """A name in ``config/recipes``, a model's, or the file of one."""
    data: Path
    """The training sheet, relative to the working directory."""
    name: ModelName
    """Of the new model; a fold's is ``NAME-foldN``."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Train as many models, each validated on another part of the patients: the recipe's `folds`."""
    start: str | None = None
    """Weights to start from."""
    memory: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[KMGT]$")] = "8G"
    threads: Annotated[int, Field(ge=1, strict=True)] = 2
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it learns; ``cuda``: each training has a GPU to itself."""

    @property
    def models(self) -> list[str]:
        """Names of the models that the run makes."""
        return [f"{self.name}-fold{n + 1}" for n in range(self.folds)] if self.folds else [self.name]


def read_training(path: Path) -> tuple[TrainingSettings, tuple[Pair, ...]]:
    """Return the settings in a file, and the rows of the sheet that it names.

    Raises
    ------
    ConfigError
        If either has a fault; one error names every fault of a file.
    """
    settings = read_yaml(path, TrainingSettings)
    return settings, read_pairs(settings.data)
