"""Models that the verbs are tried with, beside the tiny one."""

import pytest
import torch

from medscience.description import read_model
from medscience.models.meshnet import MeshNet
from medscience.models.plain import as_convolutions
from medscience.models.save import save_model
from medscience.networks import MeshNetArguments


@pytest.fixture
def normed_model(tiny_model, tmp_path):
    """The tiny model with instance norm: it should see everything at once."""
    arguments = MeshNetArguments(channels=3, classes=3, dilations=(1, 2), activation="elu", norm="instance")
    torch.manual_seed(5)
    network = MeshNet(**arguments.model_dump())
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    description = read_model(tiny_model).model_dump(exclude={"weights", "known_answer"}) | {
        "name": "normed",
        "network": {"name": "meshnet", "arguments": arguments.model_dump()},
        "weights": {"source": "a seed", "trained_on": "nothing"},
    }
    return save_model(tmp_path / "m", description, tensors, as_convolutions(tensors, arguments))
