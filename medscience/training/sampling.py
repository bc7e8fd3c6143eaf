"""Which patch comes next: drawn from the recipe's seed, the step and the patch's number, and nothing else.

So any step's data are known without those of the steps before: a run that goes on after an interruption, or
is shared by processes, sees what an undisturbed one sees.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Sizes
from medscience.recipe import Recipe, Sampling, Stage
from medscience.training.augment import augmented
from medscience.training.examples import Example, Survey, image_patch
from medscience.training.patch import IGNORED, Patch

TRIES = 32
"""Patches that are tried to find one with every class of the image."""

BESIDE = 3
"""Voxels by which the box of the labels is widened for crops inside of it."""

CELL = 16
"""Voxels along a side of a cell, for patches that are balanced by place."""

Start = tuple[int, ...]


def drawn(examples: Sequence[Example], recipe: Recipe, stage: Stage, step: int, number: int) -> Patch:
    """Return a patch of a step.

    Parameters
    ----------
    examples : sequence of Example
        Drawn from by their weights.
    recipe, stage : Recipe, Stage
        How to draw and change it.
    step, number : int
        The step, and which of its patches.
    """
    random = np.random.default_rng([recipe.seed, step, number])
    weights = np.array([example.pair.weight for example in examples])
    example = examples[int(random.choice(len(examples), p=weights / weights.sum()))]
    start, size = start_of(example, stage, random), stage.patch or example.shape
    region = tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))
    image, found = image_patch(example, region)
    labels = found.astype(np.int64)
    labels[found == example.unseen] = IGNORED
    image, labels = augmented(image, labels, recipe.augmentation, random)
    place = " x ".join(f"{part.start}-{part.stop}" for part in region)
    return Patch(np.ascontiguousarray(image), np.ascontiguousarray(labels), f"{example.pair.sample} {place}")


def start_of(example: Example, stage: Stage, random: np.random.Generator) -> Start:
    """Return the first index of a patch along the network's axes."""
    if stage.patch is None:
        return (0, 0, 0)
    return STARTS[stage.sampling](example, stage.patch, random)


def _between(low: Sequence[int], high: Sequence[int], random: np.random.Generator) -> Start:
    return tuple(int(random.integers(a, max(a, b) + 1)) for a, b in zip(low, high, strict=True))


def _anywhere(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    return _between((0, 0, 0), _last(example, patch), random)


def _last(example: Example, patch: Sizes) -> Start:
    """The last first index that a patch can have."""
    return tuple(n - p for n, p in zip(example.shape, patch, strict=True))


def _inside_box(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """A patch inside the box of what is not background, or around it where the box is smaller."""
    last = _last(example, patch)
    low, high = [], []
    for (first, end), size, most in zip(example.survey.box, patch, last, strict=True):
        a, b = sorted((first, end - size))
        low.append(min(max(a, 0), most))
        high.append(min(max(b, 0), most))
    return _between(low, high, random)


def _label_balanced_inside_box(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """A patch around a voxel of a label, each of the image as often, moved into the box of the labels.

    As ``train_hybrid.py`` does (github.com/xmengli/H-DenseUNet), with `BESIDE` voxels more on each side of
    the box. Where it is smaller than the patch, the patch holds it, anywhere in it.
    """
    known = [places for places in example.survey.places[1:] if len(places)]
    if not known:
        return _anywhere(example, patch, random)
    places = known[int(random.integers(len(known)))]
    voxel = places[int(random.integers(len(places)))].tolist()
    start = []
    sides = zip(voxel, example.survey.box, patch, _last(example, patch), strict=True)
    for middle, (first, end), size, most in sides:
        low, high = first - BESIDE, end + BESIDE - size
        wanted = min(max(middle - size // 2, low), high) if low <= high else random.integers(high, low + 1)
        start.append(min(max(int(wanted), 0), most))
    return tuple(start)


def _class_balanced(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """A patch around a voxel of a class, each class of the image as often, the voxel anywhere in it."""
    places = _places_of_a_class(example, random)
    if places is None:
        return _anywhere(example, patch, random)
    return _around(places[int(random.integers(len(places)))], example, patch, random)


def _place_balanced(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """As `_class_balanced`, but each cell that holds some of the class as often as another.

    A cell has `CELL` voxels a side: small lesions are met about as often as large ones, and an organ's rim
    as often as its inside.
    """
    places = _places_of_a_class(example, random)
    if places is None:
        return _anywhere(example, patch, random)
    cells, of = np.unique(places // CELL, axis=0, return_inverse=True)
    within = np.flatnonzero(of.ravel() == random.integers(len(cells)))
    return _around(places[within[int(random.integers(len(within)))]], example, patch, random)


def _places_of_a_class(example: Example, random: np.random.Generator) -> NDArray[np.int32] | None:
    """Voxels of a class, each class of the image as often; none where nobody looked."""
    known = [places for places in example.survey.places if len(places)]
    return known[int(random.integers(len(known)))] if known else None


def _around(voxel: NDArray[np.int32], example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """A patch with a voxel anywhere in it."""
    low = [max(v - p + 1, 0) for v, p in zip(voxel.tolist(), patch, strict=True)]
    high = [min(v, most) for v, most in zip(voxel.tolist(), _last(example, patch), strict=True)]
    return _between([min(a, b) for a, b in zip(low, high, strict=True)], high, random)


def _every_class(example: Example, patch: Sizes, random: np.random.Generator) -> Start:
    """The first of some class-balanced patches that has every class of the image, else the one with most."""
    survey = example.survey
    wanted = int((survey.counts > 0).sum())
    best, most = _class_balanced(example, patch, random), -1
    for _ in range(TRIES):
        start = _class_balanced(example, patch, random)
        classes = _classes_within(survey, start, patch)
        if classes > most:
            best, most = start, classes
        if most == wanted:
            break
    return best


def _classes_within(survey: Survey, start: Start, patch: Sizes) -> int:
    """Number of classes of which a remembered voxel lies in a patch."""
    low, high = np.array(start), np.array(start) + patch
    return sum(bool(((low <= at) & (at < high)).all(axis=1).any()) for at in survey.places)


STARTS: dict[Sampling, Callable[[Example, Sizes, np.random.Generator], Start]] = {
    "anywhere": _anywhere,
    "class-balanced": _class_balanced,
    "every-class": _every_class,
    "inside-box": _inside_box,
    "label-balanced-inside-box": _label_balanced_inside_box,
    "place-balanced": _place_balanced,
}
"""Ways to place a patch, by their name in a recipe."""


def batches(
    examples: Sequence[Example],
    recipe: Recipe,
    stages: Iterator[tuple[int, Stage]],
    rank: int = 0,
    size: int = 1,
) -> Iterator[list[Patch]]:
    """Yield this process' patches of step after step.

    Parameters
    ----------
    stages : iterator of tuple
        The steps to make patches for, each with its stage.
    rank, size : int
        Which of how many processes this is; it takes every `size`-th patch.
    """
    for step, stage in stages:
        yield [drawn(examples, recipe, stage, step, n) for n in range(rank, stage.batch, size)]
