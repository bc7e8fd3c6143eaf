"""Folds: patients dealt into equal parts that are alike, each part validating once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from medscience.config.pairs import Pair


def dealt(pairs: Sequence[Pair], volumes: Sequence[int], folds: int, fold: int, seed: int) -> list[Pair]:
    """Return the rows with the patients of one fold for validation and the others for training.

    Rows for the test stay what they are.

    Parameters
    ----------
    pairs : sequence of Pair
        Of a sheet; whether they are for training or validation there does not matter.
    volumes : sequence of int
        Labelled voxels of each.
    folds, fold : int
        Number of folds, and which of them validates, counted from 1.
    seed : int
        Decides between patients that are alike.
    """
    largest: dict[str, int] = {}
    for pair, volume in zip(pairs, volumes, strict=True):
        if pair.split != "test":
            largest[pair.patient] = max(largest.get(pair.patient, 0), volume)
    places = _places(largest, folds, np.random.default_rng(seed))
    return [
        pair
        if pair.split == "test"
        else replace(pair, split="validation" if places[pair.patient] == fold else "train")
        for pair in pairs
    ]


def _places(volumes: Mapping[str, int], folds: int, random: np.random.Generator) -> dict[str, int]:
    """Deal patients, from the most to the least labelled: of each so many neighbours, one to each fold."""
    order = sorted(volumes, key=lambda patient: (-volumes[patient], patient))
    places: dict[str, int] = {}
    for first in range(0, len(order), folds):
        hand = order[first : first + folds]
        numbers = (random.permutation(folds) + 1).tolist()
        places.update(zip(hand, numbers, strict=False))
    return places
