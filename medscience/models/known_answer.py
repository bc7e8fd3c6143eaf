"""A small input and the logits that a model must give for it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medscience.description import KnownAnswer, checked_beside, file_sha256
from medscience.errors import ModelError
from medscience.models.spnet import SEEN
from medscience.models.zoo import load_any, load_tensors, write_tensors

SHAPE = (36, 9, 7)
"""Voxels of the small input: no two sides alike, one long enough for a dilation of 16.

A tap that lies further off than a side is long meets nothing but padding: of a dilation of 9 and more only
the taps along the first axis are checked, and of 36 and more only the central one.
"""
TOLERANCE = 1e-4


def small_input(seed: int = 0) -> NDArray[np.float32]:
    """Return a random input (I, J, K) in [0, 1)."""
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32)


def small_frame(network: str) -> NDArray[np.float32]:
    """Return a frame (Y, X) as a detector sees it: grains, with three rings that are looked at again.

    SPNet sees only squares of its own size.
    """
    shape = (SEEN, SEEN) if network == "spnet" else (102, 131)
    grains = np.random.default_rng(0).random(shape, dtype=np.float32) * 2
    if network == "spnet":
        return grains
    y, x = np.indices(shape).astype(np.float32)
    height = np.maximum(1 - ((y - 48) / 33) ** 2 - ((x - 66) / 42) ** 2, 0)
    return grains * (1 - np.cos(2 * np.pi * 3 * height)).astype(np.float32)


def write_known_answer(
    path: Path, image: NDArray[np.float32], logits: NDArray[np.float32], computed_by: str
) -> KnownAnswer:
    """Write an input (I, J, K) and its logits (classes, I, J, K), and return the model file's entry.

    Of a network that restores an image: what it sees (C, T, Z, Y, X), and what it gives (1, T, Z, Y, X).

    Parameters
    ----------
    computed_by : str
        What computed the logits; best not the code that is checked with them.
    """
    write_tensors(path, {"input": image, "logits": logits})
    return KnownAnswer(file=path.name, sha256=file_sha256(path), tolerance=TOLERANCE, computed_by=computed_by)


def check_model(path: Path) -> float:
    """Run a model on its known answer; return the largest difference, as a part of the logits' range.

    Raises
    ------
    ModelError
        If a file is not the named one, or the answer is another.
    """
    model, network = load_any(path)
    answer = model.known_answer
    tensors = load_tensors(checked_beside(path, answer.file, answer.sha256))
    expected = tensors["logits"]
    seen = tensors["input"]
    with torch.inference_mode():
        found = network(seen[None, None] if seen.ndim <= 3 else seen[None])[0]
    difference = float((found - expected).abs().max() / (expected.max() - expected.min()))
    if not difference <= answer.tolerance:
        raise ModelError(
            "MODEL-ANSWER",
            file=path,
            field="known_answer",
            found=f"logits that differ by {difference:.2g} of their range",
            expected=f"at most {answer.tolerance:.2g}",
            fix="this machine or version computes something else: do not use it",
        )
    return difference
