"""The settings of a run, ``config/config.yaml``."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from medscience.config.sheet import NAME, Sample, read_sheet
from medscience.config.yaml import Strict, read_yaml
from medscience.errors import ConfigError

ModelName = Annotated[str, Field(pattern=NAME)]


class Models(Strict):
    """Which models run on the samples of each track, by name."""

    brain_mri: tuple[ModelName, ...] = ()
    liver_ct: tuple[ModelName, ...] = ()
    cbct4d: tuple[ModelName, ...] = ()
    steelpan: tuple[ModelName, ...] = ()


class Settings(Strict):
    """The keys of ``config/config.yaml``."""

    samples: Path
    """The sample sheet, relative to the working directory."""
    models: Models
    memory: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[KMGT]$")] = "8G"
    """Most memory that one step may take, as in ``8G``."""
    threads: Annotated[int, Field(ge=1, strict=True)] = 2
    """Threads of one prediction; part of what makes its bits."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of what networks hold between their layers; ``auto`` is the processor's fastest."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where predictions compute; ``cuda``: each has a GPU to itself."""
    gpu_memory: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[KMGT]$")] | None = None
    """Most of a GPU's memory that a prediction may take; what is free if not given."""
    maps: tuple[Annotated[str, Field(pattern=r"^(confidence|entropy|[0-9]+)$")], ...] = ()
    """What is kept beside labels: ``confidence``, ``entropy``, or the probability of a label's value."""


class Cohort(Strict):
    """Settings and the samples that they name."""

    settings: Settings
    samples: tuple[Sample, ...]

    def sample(self, name: str) -> Sample:
        """Return a sample by its name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Sample]:
        return {sample.name: sample for sample in self.samples}

    def models_of(self, sample: Sample) -> tuple[str, ...]:
        """Return the names of the models that run on a sample."""
        names: tuple[str, ...] = getattr(self.settings.models, sample.track)
        return names

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every (model, sample) of the run, model by model."""
        pairs = [(model, sample.name) for sample in self.samples for model in self.models_of(sample)]
        return sorted(pairs, key=lambda pair: pair[0])


def read_cohort(path: Path, *, warn: bool = True) -> Cohort:
    """Return the settings in a file and the samples in the sheet that it names; see `read_sheet`.

    Raises
    ------
    ConfigError
        If either has a fault; one error names every fault of a file.
    """
    settings = read_yaml(path, Settings)
    samples = read_sheet(settings.samples, warn=warn)
    idle = sorted({s.track for s in samples if not getattr(settings.models, s.track)})
    if idle:
        raise ConfigError(
            "CONFIG-NO-MODEL",
            file=path,
            field="models",
            found=f"no model for the track {', '.join(idle)}",
            expected="at least one for every track in the sheet",
            fix="name a model, or take the samples out of the sheet",
        )
    return Cohort(settings=settings, samples=samples)
