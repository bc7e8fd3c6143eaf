"""A scan and models that the verbs are tried with, beside the tiny ones."""

import pytest
import torch

from medscience.description import read_model
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.models.meshnet import MeshNet
from medscience.models.plain import as_convolutions
from medscience.models.save import save_model
from medscience.networks import MeshNetArguments
from medscience.steps.ingest import ingest


@pytest.fixture(scope="module")
def scan(tmp_path_factory, toy_head):
    """A small simulated head, ingested."""
    folder = tmp_path_factory.mktemp("scan")
    made = toy_head(4, (48, 48, 48))
    write_nifti(Image(made.image, Meaning(made.geometry)), folder / "scan.nii", is_labels=False, form_code=1)
    ingest(folder / "scan.nii", folder / "scan.ome.zarr")
    return folder / "scan.ome.zarr"


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
