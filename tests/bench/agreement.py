"""How well labels of the scan agree with those of the plain module on the whole volume."""

from pathlib import Path

import numpy as np

from medscience.description import read_model
from medscience.image import Image
from medscience.measure.metrics import dice
from medscience.store.images import open_image
from tests.bench.row import Row
from tests.bench.setting import Setting


def agreement(
    name: str, setting: Setting, model: str, found: Path, at_least: float | None = None
) -> list[Row]:
    """Return Dice coefficients, background left out, and the part of voxels with the same label.

    Parameters
    ----------
    found : Path
        A store, or labels (Z, Y, X) as a NumPy file.
    at_least : float, optional
        What is asked of each Dice coefficient.
    """
    meaning = open_image(setting.scan).image.meaning
    labels, answer = Image(_labels(found), meaning), Image(np.load(setting.answer(model)), meaning)
    names = read_model(setting.model(model)).output.labels
    scores = {value: score for value, (_, score) in dice(labels, answer, names).items()}
    words = {label.value: label.name for label in names}
    rows = [
        Row(f"{name}: {words[n]}", score, "Dice", at_least)
        for n, score in scores.items()
        if score is not None
    ]
    same = float((labels.data == answer.data).mean())
    return [*rows, Row(f"{name}: voxels with the same label", same, "of all")]


def _labels(path: Path) -> np.ndarray:
    return np.load(path) if path.suffix == ".npy" else open_image(path).image.read((slice(None),) * 3)
