"""The network of the default detector: its size, its grid, and what it does not depend on."""

import pytest
import torch
import yaml

from medscience.models.fold import folded
from medscience.models.fringe import CELL, LOOK, SHAPE_MAPS, Blocks, Fringe, peaks, seen, with_second_look
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


# The second look


@pytest.fixture(scope="module")
def looking():
    torch.manual_seed(1)
    made = Fringe(**SMALL, counter=4)
    with torch.no_grad():
        made.head[-1].bias[0] = 0.0
        made(torch.rand(2, 1, 64, 64))
        torch.nn.init.normal_(made.counter.last.weight, std=0.3)
    return made.eval()


def test_maps_are_the_same_but_for_the_counts_at_middles_and_beside_them(looking):
    frames = torch.rand(3, 1, 64, 96)
    with torch.inference_mode():
        first, both = looking.maps(frames), looking(frames)
        (frame, row, column), laws = looking.second_look(frames, first, LOOK)
    assert torch.equal(first[:, :SHAPE_MAPS], both[:, :SHAPE_MAPS])
    assert len(frame) == int(peaks(first, LOOK).sum()) > 3
    near = torch.zeros(3, 8, 12, dtype=torch.bool)
    for f, y, x in zip(frame, row, column, strict=True):
        near[f, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
    rings = slice(SHAPE_MAPS, None)
    changed = (first[:, rings] != both[:, rings]).any(1)
    assert torch.equal(changed, near)
    mean = (first[frame, rings, row, column] + laws) / 2
    assert torch.allclose(both[frame, rings, row, column], mean, atol=1e-5)


def test_cells_beside_two_middles_take_the_mean_of_both():
    answer = torch.zeros(1, SHAPE_MAPS + 2, 1, 5)
    cells = tuple(torch.tensor(each) for each in ([0, 0], [0, 0], [1, 3]))
    both = with_second_look(answer, cells, torch.tensor([[2.0, 0.0], [6.0, 4.0]]))
    assert both[0, SHAPE_MAPS:, 0].tolist() == [[1, 1, 2, 3, 3], [0, 0, 1, 2, 2]]


def test_before_it_learnt_anything_it_says_nothing():
    torch.manual_seed(2)
    made = Fringe(**SMALL, counter=4).eval()
    with torch.no_grad():
        made.head[-1].bias[0] = 0.0
        _, laws = made.second_look(frames := torch.rand(1, 1, 64, 64), made.maps(frames), LOOK)
    assert len(laws)
    assert not laws.any()


def test_a_frame_without_middles_has_no_second_look(looking):
    black = torch.zeros(1, 1, 64, 64)
    with torch.inference_mode():
        answer = looking.maps(black) - 100
        cells, laws = looking.second_look(black, answer, LOOK)
    assert (len(cells[0]), tuple(laws.shape)) == (0, (0, SMALL["counts"]))
    assert torch.equal(with_second_look(answer, cells, laws), answer)


def test_many_middles_are_looked_at_a_few_at_a_time(looking, monkeypatch):
    frames = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        at_once = looking(frames)
        monkeypatch.setattr("medscience.models.fringe.AT_ONCE", 2)
        assert torch.allclose(looking(frames), at_once, atol=1e-5)


def test_in_bfloat16_places_are_still_exact(looking):
    """Coordinates of eight bits would be off by two pixels."""
    frames = torch.rand(2, 1, 64, 96)
    seen_by = []

    def hear(_layer, given):
        seen_by.append(given[0].float())

    with torch.inference_mode():
        answer = looking.maps(frames)
        handle = looking.counter.register_forward_pre_hook(hear)
        looking.second_look(frames, answer, LOOK)
        looking.second_look(frames.bfloat16(), answer, LOOK)
        handle.remove()
    half = len(seen_by) // 2
    one, other = torch.cat(seen_by[:half]), torch.cat(seen_by[half:])
    assert (one - other).abs().mean() < 0.02


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_pixels_of_a_block_become_channels_in_the_order_of_pytorch(kind):
    frames = torch.randn(3, 1, 8, 20).to(kind)
    assert torch.equal(Blocks()(frames), torch.nn.functional.pixel_unshuffle(frames, 4))
