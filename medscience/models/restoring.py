"""Writing a model that restores an image: weights, known answer, and last the model file that names both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medscience.config.yaml import check
from medscience.description import file_sha256
from medscience.models.known_answer import write_known_answer
from medscience.models.rstar4d import INPUTS
from medscience.models.save import new_model, written
from medscience.models.zoo import build, fit_weights, parameters, write_tensors
from medscience.restoration import RestoringModel, RestoringNetwork

SHAPE = (INPUTS, 3, 4, 16, 24)
"""Of a small input (C, T, Z, Y, X): no two sides of the plane alike, and three phases, where each is next to
both others but they differ."""


def save_restoring_model(
    folder: Path, description: Mapping[str, Any], tensors: Mapping[str, NDArray[np.float32]]
) -> Path:
    """Write a model's files and return the model file's path.

    Parameters
    ----------
    folder : Path
        Such as ``config/models``.
    description : dict
        The model file's content, but for what follows from the weights.
    tensors : dict of ndarray
        The network's weights by name. The known answer is computed with them in float64, by the network as a
        PyTorch module: predicting runs it as a stream instead.

    Raises
    ------
    ModelError
        If a model of that name is there already, or the weights do not fit the network.
    """
    path = new_model(folder, description["name"])
    network = build(RestoringNetwork.model_validate(description["network"]))
    fit_weights(network, {key: torch.from_numpy(value) for key, value in tensors.items()}, path)
    weights, answer = folder / f"{path.stem}.safetensors", folder / f"{path.stem}.check.safetensors"
    write_tensors(weights, tensors)
    image = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    with torch.inference_mode():
        restored = network.double()(torch.from_numpy(image)[None].double())[0].float().numpy()
    follows = {
        "weights": description["weights"]
        | {"file": weights.name, "sha256": file_sha256(weights), "parameters": parameters(network)},
        "known_answer": write_known_answer(answer, image, restored, "the network in float64 PyTorch"),
    }
    return written(path, check(path, {**description, **follows}, RestoringModel))
