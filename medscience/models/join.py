"""Models of one kind, joined to one that answers as their mean."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.description import ModelFile, checked_beside, file_sha256, read_model
from medscience.errors import ModelError
from medscience.models.zoo import load_tensors
from medscience.networks import MeshNetArguments

ALIKE = ("track", "network", "input", "output", "postprocess")
"""Parts of a model file that all members must have in common."""

Tensors = dict[str, NDArray[np.float32]]


def joined(name: str, paths: Sequence[Path]) -> tuple[dict[str, Any], Tensors]:
    """Return what a model file says of the ensemble of models, and its weights.

    Parameters
    ----------
    name : str
        Of the new model.
    paths : sequence of Path
        Model files of MeshNets, two or more.

    Raises
    ------
    ModelError
        If they differ in what they see or in what their answers mean, are none, or the same one twice.
    """
    models = [read_model(path) for path in paths]
    first = models[0]
    for path, model in zip(paths, models, strict=True):
        _refuse_unlike(path, model, paths[0], first)
    files = [
        checked_beside(path, model.weights.file, model.weights.sha256)
        for path, model in zip(paths, models, strict=True)
    ]
    if len({model.weights.sha256 for model in models}) < len(models):
        raise _unfit(paths[0], "weights", "the same weights twice", "models that learned apart")
    tensors = {
        f"{_member(number)}{key}": value.numpy()
        for number, file in enumerate(files)
        for key, value in load_tensors(file).items()
    }
    return _description(name, models, paths), tensors


def member_tensors(tensors: Mapping[str, NDArray[np.float32]], number: int) -> Tensors:
    """Return the weights of a member of an ensemble, under the names that it has alone."""
    start = _member(number)
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def _member(number: int) -> str:
    return f"members.{number}."


def _description(name: str, models: Sequence[ModelFile], paths: Sequence[Path]) -> dict[str, Any]:
    first = models[0]
    content = first.model_dump(exclude={"known_answer", "accuracy", "weights", "training"})
    digests = ", ".join(
        f"{model.name} ({file_sha256(path)[:12]})" for model, path in zip(models, paths, strict=True)
    )
    return content | {
        "name": name,
        "description": f"the mean of {len(models)} networks: {first.description}",
        "authors": [{"name": author} for author in _each(a.name for model in models for a in model.authors)],
        "license": _all_of(_each(model.license for model in models)),
        "cite": _each(cite for model in models for cite in model.cite),
        "caution": " ".join(_each(model.caution for model in models if model.caution)) or None,
        "network": {
            "name": "ensemble",
            "arguments": {"members": len(models), "each": first.network.arguments.model_dump()},
        },
        "weights": {
            "source": f"medscience models join, of {digests}",
            "trained_on": "; ".join(_each(model.weights.trained_on for model in models)),
        },
    }


def _all_of(licences: Sequence[str]) -> str:
    """Return the SPDX expression of what is under all of these licences."""
    if len(licences) == 1:
        return licences[0]
    return " AND ".join(f"({licence})" if " " in licence else licence for licence in licences)


def _each(values: Iterable[str]) -> list[str]:
    """Return values in their order, none of them twice."""
    return list(dict.fromkeys(values))


def _refuse_unlike(path: Path, model: ModelFile, other: Path, first: ModelFile) -> None:
    if not isinstance(model.network.arguments, MeshNetArguments):
        raise _unfit(path, "network.name", model.network.name, "meshnet")
    for part in ALIKE:
        if getattr(model, part) != getattr(first, part):
            raise _unfit(path, part, getattr(model, part), f"{getattr(first, part)}, as in {other}")


def _unfit(path: Path, field: str, found: object, expected: str) -> ModelError:
    return ModelError(
        "MODEL-UNLIKE",
        file=path,
        field=field,
        found=str(found),
        expected=expected,
        fix="join models that one recipe made, such as those of its folds",
    )
