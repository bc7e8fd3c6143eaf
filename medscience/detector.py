"""The file of a model that finds antinodes."""

from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medscience.config.yaml import Strict, check, parse_yaml
from medscience.description import About, Weighted, is_detector
from medscience.detections import Detection
from medscience.errors import ModelError
from medscience.networks import Side
from medscience.recipe import FrameRecipe

Part = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Four = tuple[Side, Side, Side, Side]


class FringeArguments(Strict):
    """Arguments of `medscience.models.fringe.Fringe`."""

    widths: Four
    depths: tuple[Side, Side, Side]
    neck: Side
    counts: Annotated[int, Field(ge=5)]
    counter: Side | None = None
    """Channels of its second look at each antinode; None: it takes none."""


class FringeNetwork(Strict):
    """Ours."""

    name: Literal["fringe"]
    arguments: FringeArguments


class NoArguments(Strict):
    """The published network is as it is."""


class SPNetNetwork(Strict):
    """The published one, `medscience.models.spnet.SPNet`."""

    name: Literal["spnet"]
    arguments: NoArguments = NoArguments()


class FrameInput(Strict):
    """What the network expects to see."""

    height: Side
    """Pixels of the frames that it learnt from."""
    width: Side


class Interval(Strict):
    """How wide the interval of a count must be to hold as often as it says.

    Conformal prediction in groups (Vovk et al. 2005, Algorithmic Learning in a Random World, section 4.5): on
    frames that were not learnt from, the network's own interval is stretched until it holds.
    """

    level: Part
    """How often the true count lies inside."""
    edges: tuple[Positive, ...]
    """Counts at which one group ends and the next begins."""
    widths: tuple[Positive, ...] = ()
    """Widths of the network's own interval, in rings, that divide each of these groups again."""
    stretch: tuple[tuple[Positive, ...], ...]
    """For each group of counts and widths: factor of the network's own interval."""
    calibrated_on: str
    """The frames, in a sentence."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Interval":
        shape = len(self.edges) + 1, len(self.widths) + 1
        if (len(self.stretch), {len(row) for row in self.stretch}) != (shape[0], {shape[1]}):
            raise ValueError(f"stretch must have {shape[0]} rows of {shape[1]} values, one more than edges")
        if any(second <= first for edges in (self.edges, self.widths) for first, second in pairwise(edges)):
            raise ValueError("edges and widths must rise")
        return self

    def stretched(self, found: Detection) -> Detection:
        """Return a detection with its interval made to hold as often as it says."""
        rings = found.antinode.rings
        factor = self.stretch[bisect_right(self.edges, rings)][bisect_right(self.widths, found.width)]
        low, high = (rings + factor * (end - rings) for end in (found.low, found.high))
        return replace(found, low=max(low, 0.0), high=high)


class Findings(Strict):
    """What is taken from the network's answer."""

    least_score: Part
    """Score from which an antinode is found."""
    interval: Interval


class DetectorDesign(About):
    """A detector without its weights; ``config/recipes/NAME.yaml``."""

    track: Literal["steelpan"]
    network: Annotated[FringeNetwork | SPNetNetwork, Field(discriminator="name")]
    input: FrameInput
    training: FrameRecipe | None = None

    @model_validator(mode="after")
    def _has_what_learns(self) -> "DetectorDesign":
        stages = self.training.stages if self.training else ()
        network = self.network.arguments
        counts = isinstance(network, FringeArguments) and network.counter
        if not counts and any(stage.learns == "counter" for stage in stages):
            raise ValueError("network.arguments.counter must be given where a stage learns counter")
        return self


class DetectorFile(DetectorDesign, Weighted):
    """The only home of what is tied to a detector's weights."""

    output: Findings


def read_detector(path: Path) -> DetectorFile:
    """Return the content of a detector's model file.

    Raises
    ------
    ModelError
        If it is the file of another kind of model.
    """
    content = parse_yaml(path)
    if not is_detector(content):
        raise ModelError(
            "MODEL-KIND",
            file=path,
            field="network.name",
            found="a network of another kind",
            expected="one that finds antinodes: fringe or spnet",
            fix="run it with `medscience predict`, or name a detector",
        )
    return check(path, content, DetectorFile)


def read_detector_design(path: Path) -> DetectorDesign:
    """Return the content of a detector's recipe, or of its model file."""
    content = parse_yaml(path)
    has_weights = isinstance(content, dict) and "weights" in content
    return check(path, content, DetectorFile if has_weights else DetectorDesign)
