"""Settings and fixtures for all tests."""

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from medscience.description import Label
from medscience.models.fringe import Fringe, seen
from medscience.models.meshnet import MeshNet
from medscience.models.plain import as_convolutions
from medscience.models.save import save_detector, save_model
from medscience.networks import MeshNetArguments
from medscience.simulate.head import simulate_head
from medscience.simulate.scanner import Protocol

settings.register_profile("medscience", deadline=None, max_examples=50)
settings.load_profile("medscience")

REPOSITORY = Path(__file__).parents[1]


def save_tiny_model(folder):
    """Write a model file with a small random network: three labels, 1 mm, receptive field 7."""
    arguments = MeshNetArguments(channels=3, classes=3, dilations=(1, 2), activation="elu")
    torch.manual_seed(1)
    network = MeshNet(**arguments.model_dump())
    with torch.no_grad():  # so that every class is somewhere the most likely one
        logits = network(torch.rand(1, 1, 12, 12, 12) ** 2)
        network.head.bias -= logits.mean((0, 2, 3, 4))
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    names = ("background", "white", "grey")
    labels = [Label(value=n, name=name, color=(n, n, n)) for n, name in enumerate(names)]
    description = {
        "name": "tiny",
        "description": "a random network for tests",
        "authors": [{"name": "nobody"}],
        "license": "Apache-2.0",
        "track": "brain_mri",
        "network": {"name": "meshnet", "arguments": arguments.model_dump()},
        "weights": {"source": "a seed", "trained_on": "nothing"},
        "input": {"modality": "T1", "axes": "LIA", "spacing": (1, 1, 1), "normalize": "minmax"},
        "output": {"labels": [label.model_dump() for label in labels]},
        "postprocess": {"keep": "largest-component"},
        "caution": "random weights",
    }
    return save_model(folder, description, tensors, as_convolutions(tensors, arguments))


@pytest.fixture
def tiny_model(tmp_path):
    """A model file with a small random network: three labels, 1 mm, receptive field 7."""
    return save_tiny_model(tmp_path / "models")


def save_tiny_detector(folder):
    """Write the model file of a small random network that finds something in most frames."""
    arguments = {"widths": (8, 8, 16, 16), "depths": (1, 1, 1), "neck": 8, "counts": 16}
    torch.manual_seed(3)
    network = Fringe(**arguments)
    with torch.no_grad():
        answers = network(seen(torch.randint(0, 256, (4, 1, 64, 96))))  # statistics move
        spread = answers[:, 0].std()
        network.head[-1].bias[0] += 3.0 - 2 * spread
    description = {
        "name": "tiny-fringe",
        "description": "a random detector for tests",
        "authors": [{"name": "nobody"}],
        "license": "Apache-2.0",
        "track": "steelpan",
        "network": {"name": "fringe", "arguments": arguments},
        "weights": {"source": "a seed", "trained_on": "nothing"},
        "input": {"height": 64, "width": 96},
        "output": {
            "least_score": 0.3,
            "interval": {
                "level": 0.9,
                "edges": [2.0],
                "stretch": [[1.0], [1.5]],
                "calibrated_on": "nothing",
            },
        },
    }
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    return save_detector(folder, description, tensors)


@pytest.fixture
def tiny_detector(tmp_path):
    """The model file of a small random network that finds something in most frames."""
    return save_tiny_detector(tmp_path / "detectors")


@pytest.fixture(scope="session")
def samples():
    """The folder of real samples; without it these tests are skipped, but never in CI."""
    folder = REPOSITORY / os.environ.get("MEDSCIENCE_SAMPLES", "../shared/data")
    if not (folder / "SOURCES.md").is_file():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the real samples at {folder}")
        pytest.skip(f"the real samples are not at {folder}: set MEDSCIENCE_SAMPLES")
    return folder.resolve()


@pytest.fixture(scope="session")
def toy_head():
    """Return a function that makes a third of a head's size: quick, and whole in few voxels of 1 mm."""

    def make(seed, shape=(69, 76, 61)):
        head = simulate_head(seed, Protocol(shape, (3.0, 3.0, 3.0)))
        return dataclasses.replace(head, geometry=Protocol(shape, (1.0, 1.0, 1.0)).geometry)

    return make
