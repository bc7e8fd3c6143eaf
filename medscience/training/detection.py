"""What a detector of antinodes learns from: frames that are simulated as they are needed, and its loss."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid, smooth_l1_loss

from medscience.detections import Detection
from medscience.detector import Interval
from medscience.measure.intervals import Case, cases, stretch
from medscience.models.antinode_maps import Wanted, found, wanted
from medscience.models.fold import folded
from medscience.models.fringe import CELL, SHAPE_MAPS, Cells, Fringe, seen
from medscience.recipe import FrameRecipe, Frames, FrameStage
from medscience.simulate.espi.drawn import STYLES, Style, drawn_frames
from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.shots import Shot
from medscience.training.checkpoint import Validation
from medscience.training.place import place_of, rounding

log = logging.getLogger(__name__)

CELLS = (SHAPE[0] // CELL, SHAPE[1] // CELL)
"""Of a simulated frame."""

AT_ONCE = 8
"""Frames that are validated together."""

DOUBTFUL = 0.1
"""How sure a middle must be for the second look to learn from it: it learns from doubtful ones too."""

SURE = 0.3
"""Score from which an antinode counts as found."""

LEVEL = 0.9
"""How often the interval of a count is to hold."""

EDGES = (1.0, 2.0, 4.0, 7.0)
WIDTHS = (0.8, 1.0, 1.5)
"""Counts, and widths of the network's own interval, that divide detections into groups to calibrate."""


@dataclass(frozen=True, slots=True)
class FrameToLearn:
    """A frame and what the network should answer."""

    name: str
    frame: NDArray[np.uint8]
    wanted: Wanted


def frame_batches(
    recipe: FrameRecipe, counts: int, stages: Iterator[tuple[int, FrameStage]]
) -> Iterator[list[FrameToLearn]]:
    """Yield the frames of each step; they follow from the recipe's seed and the step's number."""
    for step, stage in stages:
        shots = drawn_frames(recipe.frames.parts, recipe.frames.first_seed + step)
        yield [
            FrameToLearn(
                f"frame {number} of step {step}",
                shot.frame,
                wanted(
                    shot.antinodes, (-(-shot.frame.shape[0] // CELL), -(-shot.frame.shape[1] // CELL)), counts
                ),
            )
            for number, shot in enumerate(islice(shots, stage.batch))
        ]


def frame_losses(
    network: nn.Module, batch: Sequence[FrameToLearn], recipe: FrameRecipe, stage: FrameStage
) -> Tensor:
    """Return the loss of each frame."""
    images = torch.from_numpy(np.stack([one.frame for one in batch]))[:, None]
    truth, looking = [one.wanted for one in batch], cast(Fringe, network)
    with rounding(network, recipe.precision):
        frames = seen(images.to(place_of(network)))
        answer = looking.maps(frames)
        if stage.learns == "counter":
            cells, laws = looking.second_look(frames, answer, DOUBTFUL)
            return laws_loss(laws.float(), cells, truth)
    return maps_loss(answer.float(), truth)


def laws_loss(laws: Tensor, cells: Cells, truth: Sequence[Wanted]) -> Tensor:
    """Return the loss of each frame's second look, shape (B,): the cross-entropy of the rings.

    Parameters
    ----------
    laws : Tensor
        Shape (N, counts), float32.
    cells : tuple of Tensor
        Where they were taken; what is no antinode there does not count.
    """
    frame, row, column = cells
    rings = _stacked(truth, "rings").to(laws.device)
    entropy = -(rings[frame, :, row, column] * log_softmax(laws, 1)).sum(1)
    return laws.new_zeros(len(truth)).index_add(0, frame, entropy) / EXPECTED


def maps_loss(answer: Tensor, truth: Sequence[Wanted]) -> Tensor:
    """Return the loss of each frame's maps, shape (B,).

    The focal loss of the middles (Law and Deng 2018, arXiv:1808.01244, with its powers 2 and 4); the error of
    centre and ellipse as a part of the ellipse's size; and the cross-entropy of the rings.

    Parameters
    ----------
    answer : Tensor
        Shape (B, 6 + counts, Y, X), float32.
    """
    middle, weight, size = (_stacked(truth, name).to(answer.device) for name in ("middle", "weight", "size"))
    shape, rings = (_stacked(truth, name).to(answer.device) for name in ("shape", "rings"))
    sure, unsure = logsigmoid(answer[:, 0]), logsigmoid(-answer[:, 0])
    hit = (1 - sure.exp()) ** 2 * sure * (middle == 1)
    false = (1 - middle) ** 4 * sure.exp() ** 2 * unsure * (middle < 1)
    errors = smooth_l1_loss(answer[:, 1:SHAPE_MAPS], shape, reduction="none", beta=0.02)
    place = 2 * errors[:, :2].sum(1) / size + errors[:, 2:].sum(1)
    entropy = -(rings * log_softmax(answer[:, SHAPE_MAPS:], 1)).sum(1)
    return (weight * (place + entropy) - hit - false).sum((1, 2)) / EXPECTED


EXPECTED = 3.0
"""Antinodes in a usual frame: frames with more of them weigh more, frames without any weigh too."""


def _stacked(truth: Sequence[Wanted], name: str) -> Tensor:
    return torch.from_numpy(np.stack([getattr(one, name) for one in truth]))


def looked_at(
    network: nn.Module, style: Style, seed: int, count: int
) -> Iterator[tuple[Shot, list[Detection]]]:
    """Yield frames of a style and the antinodes that a network, ready to predict, finds in them."""
    shots = islice(drawn_frames({style: 1.0}, seed), count)
    while batch := list(islice(shots, AT_ONCE)):
        images = torch.from_numpy(np.stack([shot.frame for shot in batch]))[:, None]
        with torch.inference_mode():
            answers = found(network(seen(images.to(place_of(network)))).cpu(), SURE)
        yield from zip(batch, answers, strict=True)


@dataclass(frozen=True, slots=True)
class FrameJudge:
    """Frames of both styles to validate on."""

    frames: Frames

    def __call__(self, network: nn.Module, step: int) -> Validation:
        """Return the part of the antinodes whose rings are counted within 0.5, the mean of the styles."""
        ready = folded(network)
        hits = [self._hits(ready, "espi"), self._hits(ready, "spnet")]
        values = [float(np.mean(each)) for each in hits]
        log.info("step %d: rings within 0.5: espi %.4f, spnet %.4f", step, *values)
        spread = math.sqrt(sum(v * (1 - v) / len(each) for v, each in zip(values, hits, strict=True))) / 2
        mean = sum(values) / 2
        return Validation(step, mean, mean - 1.96 * spread, mean + 1.96 * spread)

    def _hits(self, network: nn.Module, style: Style) -> list[bool]:
        """Return, for each true antinode, whether its rings were counted."""
        hits: list[bool] = []
        for shot, detections in looked_at(
            network, style, self.frames.validation_seed, self.frames.validation_count
        ):
            known = cases(shot.antinodes, detections, SHAPE)
            right = sum(abs(true - one.antinode.rings) <= 0.5 for true, one in known)
            hits += [True] * right + [False] * (len(shot.antinodes) - right)
        return hits


def calibrated(network: nn.Module, frames: Frames) -> Interval:
    """Return the interval of counts that holds in at least nine of ten antinodes of each style.

    A frame does not say of which style it is, so each group is stretched as the style needs that needs more.

    Parameters
    ----------
    network : Module
        Ready to predict.
    """
    known = {style: _known(network, style, frames) for style in STYLES if style != "black"}
    needed = np.array([stretch(some, LEVEL, EDGES, WIDTHS) for some in known.values()]).max(axis=0)
    return Interval(
        level=LEVEL,
        edges=EDGES,
        widths=WIDTHS,
        stretch=tuple(tuple(round(value, 4) for value in row) for row in needed.tolist()),
        calibrated_on=f"{frames.calibration_count} simulated frames of each style (seed "
        f"{frames.calibration_seed}), {sum(map(len, known.values()))} antinodes",
    )


def _known(network: nn.Module, style: Style, frames: Frames) -> list[Case]:
    """Return the antinodes of a style that are found in the frames to calibrate on."""
    shots = looked_at(network, style, frames.calibration_seed, frames.calibration_count)
    return [case for shot, detections in shots for case in cases(shot.antinodes, detections, SHAPE)]
