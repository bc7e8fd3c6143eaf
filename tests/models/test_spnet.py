"""The published network has the published number of everything."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from medscience.models.spnet import SEEN, PoolSame, SPNet, seen
from medscience.models.zoo import parameters

PARAMETERS, STATISTICS = 50_298_935, 54_546
"""Trainable values, and running statistics of batch normalisation, of the published model."""


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SPNet().eval()


def test_it_has_the_published_number_of_weights_and_statistics(network):
    assert parameters(network) == PARAMETERS
    statistics = [value for name, value in network.named_buffers() if "running" in name]
    assert sum(value.numel() for value in statistics) == STATISTICS
    assert parameters(network.stem) + 18 == 225
    assert parameters(network.dense) == 29_491_776


def test_it_answers_with_eight_values_for_two_slots_in_each_of_six_by_six_cells(network):
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, SEEN, SEEN)).shape == (1, 6, 6, 2, 8)


@pytest.mark.parametrize("size", [8, 9])
def test_pooling_pads_as_tensorflow_does(size):
    """Its "same": half of the padding before, rounded down, the rest after."""
    values = torch.rand(1, 2, size, size)
    total = 2 * (-(-size // 2) - 1) + 3 - size
    before = total // 2
    padded = np.pad(values.numpy(), [(0, 0), (0, 0), *[(before, total - before)] * 2], constant_values=-9)
    rows = range(0, padded.shape[2] - 2, 2)
    slow = [[padded[:, :, y : y + 3, x : x + 3].max((2, 3)) for x in rows] for y in rows]
    assert_allclose(PoolSame()(values).numpy(), np.transpose(slow, (2, 3, 0, 1)))


def test_frames_are_squeezed_as_pillow_does_it():
    frame = np.random.default_rng(0).integers(90, 166, (384, 512), dtype=np.uint8)  # nothing to clip
    squeezed = np.asarray(Image.fromarray(frame).resize((SEEN, SEEN), Image.Resampling.LANCZOS))
    found = seen(torch.from_numpy(frame)[None, None])[0, 0]
    assert np.abs((found.numpy() / 2 + 0.5) * 255 - squeezed).max() < 1.6  # Pillow rounds twice
