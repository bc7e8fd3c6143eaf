"""From a model file to a network with checked weights."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import nn

from medscience.config.yaml import read_yaml
from medscience.description import ModelFile, checked_beside, read_model
from medscience.detector import DetectorFile, FringeNetwork, SPNetNetwork, read_detector
from medscience.errors import ModelError
from medscience.kinds import AnyModel, read_any_model
from medscience.models.ensemble import Ensemble
from medscience.models.fold import folded
from medscience.models.fringe import Fringe
from medscience.models.hdenseunet import HDenseUNet
from medscience.models.meshnet import MeshNet, fold_batch_norm
from medscience.models.quick import quickened
from medscience.models.rstar4d import RSTAR4D
from medscience.models.spnet import SPNet
from medscience.models.tensors import check_tensors
from medscience.networks import Network
from medscience.restoration import RestoringModel, RestoringNetwork
from medscience.store.files import replaced

log = logging.getLogger(__name__)

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "meshnet": MeshNet,
    "hdenseunet": HDenseUNet,
    "ensemble": Ensemble,
    "rstar4d": RSTAR4D,
    "fringe": Fringe,
    "spnet": SPNet,
}
"""Network by its name in a model file."""


def build(network: Network | FringeNetwork | SPNetNetwork | RestoringNetwork) -> nn.Module:
    """Return the network that a model file describes, without its weights."""
    return NETWORKS[network.name](**network.arguments.model_dump())


def parameters(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())


def load(path: Path) -> tuple[ModelFile, nn.Module]:
    """Return a model file and its network in float32, ready to predict: batch normalisation is folded in.

    Raises
    ------
    ModelError
        If the weights are missing, are not the named ones, do not fit the network, or are not finite.
    """
    model = read_model(path)
    return model, for_prediction(trained(path, model))


def load_any(path: Path) -> tuple[AnyModel, nn.Module]:
    """Return a model file and its network, likewise, whatever it gives."""
    model = read_any_model(path)
    return model, for_prediction(trained(path, model))


def load_detector(path: Path) -> tuple[DetectorFile, nn.Module]:
    """Return a detector's file and its network, likewise."""
    model = read_detector(path)
    return model, for_prediction(trained(path, model))


def load_restoring(path: Path) -> tuple[RestoringModel, RSTAR4D]:
    """Return the file and the network of a model that gives an image."""
    model = read_yaml(path, RestoringModel)
    return model, cast(RSTAR4D, trained(path, model).eval())


def trained(path: Path, model: AnyModel) -> nn.Module:
    """Return the network of a model file with its weights, as it was trained.

    Raises
    ------
    ModelError
        As `load`.
    """
    network = build(model.network)
    file = checked_beside(path, model.weights.file, model.weights.sha256)
    fit_weights(network, load_tensors(file), file)
    if parameters(network) != model.weights.parameters:
        raise ModelError(
            "MODEL-PARAMETERS",
            file=path,
            field="weights.parameters",
            found=model.weights.parameters,
            expected=parameters(network),
            fix="correct the network's arguments",
        )
    return network


def for_prediction(network: nn.Module) -> nn.Module:
    """Return a network ready to predict: batch normalisation is folded in, one pass less for each layer."""
    if isinstance(network, HDenseUNet):
        return quickened(network)
    if isinstance(network, Fringe | SPNet):
        return folded(network)
    if isinstance(network, Ensemble):
        network.members = nn.ModuleList(map(for_prediction, network.members))
        return network.eval()
    normed = any(isinstance(layer, nn.BatchNorm3d) for layer in network.modules())
    return (fold_batch_norm(network) if isinstance(network, MeshNet) and normed else network).eval()


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file; narrower ones are widened to float32, which changes no value.

    Raises
    ------
    ModelError
        If it is not exactly such a file.
    """
    narrower = [name for name in check_tensors(path) if name in ("F16", "BF16")]
    if narrower:
        log.warning("MODEL-DTYPE  %s: weights of %s, widened to float32", path, ", ".join(narrower))
    tensors = load_file(path)
    return {name: each.float() if each.is_floating_point() else each for name, each in tensors.items()}


def write_tensors(path: Path, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays as safetensors, whole or not at all."""
    packed = {key: torch.from_numpy(np.asarray(value, order="C")) for key, value in tensors.items()}
    with replaced(path) as temporary:
        temporary.write_bytes(save(packed))


def fit_weights(network: nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Put tensors into a network, naming every one that is missing, left over, misshapen or not finite."""
    wanted = network.state_dict()
    faults = [f"{name} is missing" for name in wanted.keys() - tensors.keys()]
    faults += [f"{name} is not part of the network" for name in tensors.keys() - wanted.keys()]
    for name in wanted.keys() & tensors.keys():
        found, expected = tuple(tensors[name].shape), tuple(wanted[name].shape)
        if found != expected:
            faults.append(f"{name} has the shape {found}, not {expected}")
        elif tensors[name].dtype != wanted[name].dtype:
            faults.append(f"{name} has the type {tensors[name].dtype}, not {wanted[name].dtype}")
        elif not torch.isfinite(tensors[name]).all():
            faults.append(f"{name} has values that are not finite")
    if faults:
        raise ModelError(
            "MODEL-WEIGHTS",
            file=path,
            field="tensors",
            found="; ".join(sorted(faults)),
            expected="exactly the network's tensors",
            fix="use the weights that belong to this network",
        )
    network.load_state_dict(tensors, strict=True)
