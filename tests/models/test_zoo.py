"""What loads; what does not is in tests/bad, by its number in the catalogue."""

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file, save_file

from medscience.description import file_sha256
from medscience.errors import ConfigError, ModelError
from medscience.models.known_answer import check_model
from medscience.models.meshnet import MeshNet
from medscience.models.plain import as_convolutions
from medscience.models.save import save_model
from medscience.models.zoo import load, parameters
from medscience.networks import MeshNetArguments


def rewrite(model, change):
    """Change a model's weights and give the model file the new digest."""
    weights = model.with_suffix(".safetensors")
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights)
    content = yaml.safe_load(model.read_text())
    content["weights"]["sha256"] = file_sha256(weights)
    model.write_text(yaml.safe_dump(content))


def test_a_model_loads_and_gives_its_known_answer(tiny_model):
    assert check_model(tiny_model) < 1e-5


def test_a_model_with_batch_normalisation_keeps_its_statistics_folded_in(tiny_model, tmp_path):
    arguments = MeshNetArguments(channels=3, classes=3, dilations=(1, 2), activation="relu", norm="batch")
    network = MeshNet(**arguments.model_dump())
    network(torch.rand(2, 1, 8, 8, 8))  # in training mode: the statistics move
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    description = yaml.safe_load(tiny_model.read_text())
    description["network"]["arguments"] = arguments.model_dump()
    path = save_model(tmp_path / "other", description, tensors, as_convolutions(tensors, arguments))
    assert check_model(path) < 1e-5
    model, loaded = load(path)
    assert model.weights.parameters == parameters(network)
    image = torch.rand(1, 1, 8, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(loaded(image), network.eval()(image), atol=1e-5)  # folded, but the same
    assert not any(isinstance(layer, torch.nn.BatchNorm3d) for layer in loaded.modules())


def test_weights_that_compute_something_else_fail_their_known_answer(tiny_model):
    rewrite(tiny_model, lambda t: t.update({"head.bias": t["head.bias"] + np.float32([0.5, 0, 0])}))
    with pytest.raises(ModelError, match="MODEL-ANSWER"):
        check_model(tiny_model)


@pytest.mark.parametrize("found", [5, None, "wide", [1], {}, {"members": 2}])
def test_arguments_of_no_network_are_one_line_that_names_them(found, tiny_model):
    content = yaml.safe_load(tiny_model.read_text())
    content["network"]["arguments"] = found
    tiny_model.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="arguments"):
        load(tiny_model)
