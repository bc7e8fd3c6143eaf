"""The network of the default detector: its size, its grid, and what it does not depend on."""

import pytest
import torch
import yaml

from medscience.models.fold import folded
from medscience.models.fringe import CELL, SHAPE_MAPS, Fringe, seen
from medscience.models.zoo import parameters
from tests.conftest import REPOSITORY

SMALL = {"widths": (8, 8, 16, 16), "depths": (1, 1, 1), "neck": 8, "counts": 8}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = Fringe(**SMALL)
    made(torch.rand(2, 1, 64, 64))  # in training mode: the statistics move
    return made.eval()


def test_the_shipped_network_has_less_than_3_million_weights():
    design = yaml.safe_load((REPOSITORY / "config/recipes/fringe.yaml").read_text())
    assert parameters(Fringe(**design["network"]["arguments"])) < 3_000_000


@pytest.mark.parametrize("height, width", [(384, 512), (33, 70), (64, 8)])
def test_there_is_a_cell_for_every_8_pixels(network, height, width):
    with torch.inference_mode():
        answer = network(torch.rand(1, 1, height, width))
    assert answer.shape == (1, SHAPE_MAPS + SMALL["counts"], -(-height // CELL), -(-width // CELL))


def test_folding_the_normalisation_in_changes_nothing(network):
    frames, ready = torch.rand(2, 1, 64, 96), folded(network)
    with torch.inference_mode():
        assert torch.allclose(ready(frames), network(frames), atol=1e-5)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in ready.modules())


def test_gain_and_number_of_bits_do_not_matter():
    frames = torch.randint(0, 256, (2, 1, 32, 32))
    assert torch.allclose(seen(frames), seen(frames * 257), atol=1e-6)
    assert torch.allclose(seen(frames), seen(frames / 255), atol=1e-6)


def test_a_black_frame_stays_black():
    assert not seen(torch.zeros(1, 1, 8, 8)).any()
