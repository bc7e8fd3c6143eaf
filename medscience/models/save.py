"""Writing a model: weights, known answer, and last the model file that names both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medscience.config.yaml import check, write_yaml
from medscience.description import Label, ModelFile, file_sha256, labels_sha256
from medscience.detector import DetectorDesign, DetectorFile
from medscience.errors import ModelError
from medscience.kinds import AnyModel
from medscience.models.join import member_tensors
from medscience.models.known_answer import small_frame, small_input, write_known_answer
from medscience.models.plain import Convolution, as_convolutions, plain_logits
from medscience.models.zoo import build, fit_weights, load_tensors, parameters, write_tensors
from medscience.networks import EnsembleArguments, MeshNetArguments, Network
from medscience.store.files import write_whole


def save_model(
    folder: Path,
    description: dict[str, Any],
    tensors: dict[str, NDArray[np.float32]],
    convolutions: Sequence[Convolution] | None = None,
) -> Path:
    """Write a model's files and return the model file's path.

    Parameters
    ----------
    folder : Path
        Such as ``config/models``.
    description : dict
        The model file's content, but for what follows from the weights: their file, digest and number,
        and the known answer.
    tensors : dict of ndarray
        The network's weights by name, with the running statistics of batch normalisation.
    convolutions : sequence of Convolution, optional
        A MeshNet's weights as layers, from which the known answer is computed independently; by default they
        are taken from `tensors`.

    Raises
    ------
    ModelError
        If a model of that name is there already.
    """
    path = new_model(folder, description["name"])
    name = path.stem
    weights, answer = folder / f"{name}.safetensors", folder / f"{name}.check.safetensors"
    write_tensors(weights, tensors)
    image = small_input()
    network = Network.model_validate(description["network"])
    built = build(network)
    description["weights"] |= {
        "file": weights.name,
        "sha256": file_sha256(weights),
        "parameters": parameters(built),
    }
    labels = [Label.model_validate(label) for label in description["output"]["labels"]]
    description["output"] = {**description["output"], "sha256": labels_sha256(labels)}
    plainly = "medscience.models.plain, in float64 NumPy"
    if isinstance(network.arguments, MeshNetArguments):
        layers = convolutions or as_convolutions(tensors, network.arguments)
        logits, by = plain_logits(layers, image, network.arguments.cell), plainly
    elif isinstance(network.arguments, EnsembleArguments):
        logits, by = _plain_mean(network.arguments, tensors, image), plainly
    else:
        logits, by = _as_built(built, tensors, image), "the network as it is built, in float64 PyTorch"
    description["known_answer"] = write_known_answer(answer, image, logits, by)
    return written(path, check(path, description, ModelFile))


def save_detector(folder: Path, description: dict[str, Any], tensors: dict[str, NDArray[np.float32]]) -> Path:
    """Write a detector's files and return the model file's path.

    Its known answer is that of the network in float64, with batch normalisation as it was trained.

    Parameters
    ----------
    folder, description, tensors
        As for `save_model`.

    Raises
    ------
    ModelError
        If a model of that name is there already.
    """
    path = new_model(folder, description["name"])
    weights, answer = folder / f"{path.stem}.safetensors", folder / f"{path.stem}.check.safetensors"
    write_tensors(weights, tensors)
    design = DetectorDesign.model_validate(
        {key: description[key] for key in DetectorDesign.model_fields.keys() & description}
    )
    network = build(design.network)
    fit_weights(network, load_tensors(weights), weights)
    frame = small_frame(design.network.name)
    with torch.inference_mode():
        logits = network.eval().double()(torch.from_numpy(frame)[None, None].double())[0].float().numpy()
    description["weights"] |= {
        "file": weights.name,
        "sha256": file_sha256(weights),
        "parameters": parameters(network),
    }
    description["known_answer"] = write_known_answer(
        answer, frame, logits, "the network in float64, its batch normalisation not folded in"
    )
    return written(path, check(path, description, DetectorFile))


def new_model(folder: Path, name: str) -> Path:
    """Return the path of a model file that is not there yet, in a folder that is."""
    path = folder / f"{name}.yaml"
    if path.exists():
        raise ModelError(
            "MODEL-EXISTS",
            file=path,
            field="name",
            found="a model of that name",
            expected="a new name: every table says which model made it",
            fix="choose another name, or delete the model",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return path


def written(path: Path, model: AnyModel) -> Path:
    """Write a model file, whole or not at all, and return its path."""
    write_whole(path, write_yaml(model))
    return path


def _plain_mean(
    arguments: EnsembleArguments, tensors: dict[str, NDArray[np.float32]], image: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the mean of what each member of an ensemble answers by itself."""
    alone = [
        plain_logits(as_convolutions(own, arguments.each), image, arguments.each.cell)
        for own in (member_tensors(tensors, number) for number in range(arguments.members))
    ]
    mean: NDArray[np.float64] = np.stack(alone).mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32)


@torch.inference_mode()
def _as_built(
    network: nn.Module, tensors: dict[str, NDArray[np.float32]], image: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the logits of a network whose layers are run one by one; nothing is folded."""
    network.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in tensors.items()})
    logits: Tensor = network.double().eval()(torch.from_numpy(image).double()[None, None])[0]
    return logits.float().numpy()
