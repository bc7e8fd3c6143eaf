"""The training in two stages, on images of a few voxels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from medscience.errors import TrainingError
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.models.rstar4d import RSTAR4D
from medscience.restoration import Tetris, TetrisStage
from medscience.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from medscience.training.moving import motion_of
from medscience.training.tetris import Phases, drawn, learned

PLANES = TetrisStage(dimensions="2D+T", blocks=((1, 8, 8),), steps=4, halved=(0.5,), learning_rate=3e-3)
BLOCKS = TetrisStage(dimensions="4D", blocks=((2, 8, 4), (4, 4, 4)), steps=3, halved=(0.5,))
RECIPE = Tetris(stages=(PLANES, BLOCKS), save_every=2, seed=5)


@pytest.fixture(autouse=True)
def one_thread():
    """Small work: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def example(seed=0, shape=(2, 6, 12, 12)):
    random = np.random.default_rng(seed)
    z, y, x = np.mgrid[: shape[1], : shape[2], : shape[3]]
    truth = np.stack([500 * np.sin(0.5 * x + 0.3 * z + t) - 300 for t in range(shape[0])])
    streaks = 300 * np.sin(2.0 * (x + y)) * np.array([1, -1])[:, None, None, None]

    def image(values):
        axes = "tzyx" if values.ndim == 4 else "zyx"
        return Image(values.astype(np.float32), Meaning(Geometry.own(values.shape[-3:]), axes, "HU"))

    noisy = truth + streaks + random.normal(0, 20, shape)
    return Phases(f"case-{seed}", image(noisy), image(noisy.mean(axis=0)), image(truth))


EXAMPLES = [example(0), example(1)]


def replace_in(model, **values):
    return model.model_copy(update=values)


def start(levels=2):
    torch.manual_seed(3)
    network = RSTAR4D(4, levels, stage=1)
    return network, Checkpoint(0, "", {k: v.clone() for k, v in network.state_dict().items()}, {})


def run(recipe=RECIPE, state=None, save=lambda state: None, examples=EXAMPLES):
    network, first = start()
    return learned(recipe, network, examples, state or first, save)


def test_a_block_follows_from_seed_and_step_and_is_as_the_stage_says():
    shapes = {drawn(EXAMPLES, RECIPE, step).truth.shape for step in range(1, 5)}
    assert shapes == {(2, 1, 8, 8)}
    assert {drawn(EXAMPLES, RECIPE, step).truth.shape for step in (5, 6, 7)} <= {(2, 2, 8, 4), (2, 4, 4, 4)}
    for step in (1, 6):
        one, again = drawn(EXAMPLES, RECIPE, step), drawn(EXAMPLES, RECIPE, step)
        assert one.name == again.name
        assert np.array_equal(one.seen, again.seen)
    assert len({drawn(EXAMPLES, RECIPE, step).name for step in range(1, 5)}) > 1


def test_a_block_is_a_part_of_phases_prior_and_truth_in_the_network_s_numbers():
    block = drawn(EXAMPLES, RECIPE, 6)
    case, place = block.name.split(" ", 1)
    source = EXAMPLES[int(case[-1])]
    part = tuple(slice(*map(int, side.split("-"))) for side in place.split(" x "))
    np.testing.assert_allclose(block.seen[0] * 1000, source.image.data[(slice(None), *part)], rtol=1e-5)
    for prior in block.seen[1]:
        np.testing.assert_allclose(prior * 1000, source.prior.data[part], rtol=1e-5)
    np.testing.assert_allclose(block.truth * 1000, source.truth.data[(slice(None), *part)], rtol=1e-5)


def test_blocks_are_drawn_where_something_moves_if_a_stage_wants_that():
    whole = example(0, shape=(2, 18, 20, 20))
    still = np.zeros(whole.truth.shape, np.float32)
    still[1, 17, 3, 19] = 400
    truth = replace(whole.truth, data=still)
    moving = Tetris(stages=(replace_in(BLOCKS, moving=1.0),), save_every=1, seed=2)
    examples = [replace(whole, truth=truth, motion=motion_of(truth))]
    cell, blocks = (
        (slice(16, 18), slice(0, 8), slice(16, 20)),
        [drawn(examples, moving, n) for n in (1, 2, 3)],
    )
    for block in blocks:
        place = [tuple(map(int, side.split("-"))) for side in block.name.split(" ", 1)[1].split(" x ")]
        assert all(start < c.stop and stop > c.start for (start, stop), c in zip(place, cell, strict=True))
    assert len({block.name for block in blocks}) > 1
    elsewhere = {drawn(examples, replace_in(moving, stages=(BLOCKS,)), n).name for n in (1, 2, 3)}
    assert elsewhere == {drawn([whole], replace_in(moving, stages=(BLOCKS,)), n).name for n in (1, 2, 3)}


def test_motion_of_cells_is_the_sum_of_deviations_and_even_where_nothing_moves():
    truth = example(0, shape=(2, 9, 20, 12)).truth
    found, deviations = motion_of(truth), truth.data.astype(float).std(axis=0)
    for z, y, x in np.ndindex(2, 3, 2):
        cell = deviations[z * 8 : z * 8 + 8, y * 8 : y * 8 + 8, x * 8 : x * 8 + 8]
        assert found[z, y, x] == pytest.approx(cell.sum() / deviations.sum(), rel=1e-5)
    still = motion_of(replace(truth, data=np.ones(truth.shape, np.float32)))
    np.testing.assert_allclose(still, 1 / 12)


def test_the_first_stage_leaves_z_alone_and_the_second_opens_it():
    flat = Tetris(stages=(PLANES,), save_every=2, seed=5)
    _, first = start()
    network, state = run(flat)
    for name, value in network.state_dict().items():
        changed = not torch.equal(value, first.weights[name])
        assert changed == (".z." not in name)
    assert state.step == 4
    network, _ = run()
    assert network.multiples[0] == 2
    assert any(
        bool(value.any()) for name, value in network.state_dict().items() if ".second.z.weight" in name
    )


def test_when_z_is_opened_the_loss_goes_on_from_where_it_was(monkeypatch):
    """With a learning rate of nothing the opened network sees blocks as the flat one saw their slices."""
    still = BLOCKS.model_copy(update={"learning_rate": 1e-30, "steps": 1, "blocks": ((6, 12, 12),)})
    recipe = Tetris(stages=(PLANES, still), save_every=9, seed=5)
    network, _ = run(recipe)
    block = drawn(EXAMPLES, recipe, 5)
    flat = RSTAR4D(4, 2, stage=1)
    flat.load_state_dict(network.state_dict())
    seen = torch.from_numpy(block.seen)[None]
    with torch.inference_mode():
        torch.testing.assert_close(network(seen)[:, :, :, ::2], flat(seen)[:, :, :, ::2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("stopped", [2, 4, 6])
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, stopped):
    class StopError(Exception):
        pass

    def save(state):
        write_checkpoint(tmp_path / "state", state)
        if state.step == stopped:
            raise StopError

    _, whole = run()
    with pytest.raises(StopError):
        run(save=save)
    _, resumed = run(state=read_checkpoint(tmp_path / "state"))
    assert resumed.losses == whole.losses
    for name, value in whole.weights.items():
        assert torch.equal(resumed.weights[name], value)


def test_it_learns():
    longer = PLANES.model_copy(update={"steps": 60, "blocks": ((1, 12, 12),)})
    _, state = run(Tetris(stages=(longer,), save_every=100, seed=1), examples=EXAMPLES[:1])
    assert np.mean(state.losses[-10:]) < 0.7 * np.mean(state.losses[:5])


def test_a_loss_that_is_no_number_stops_it_and_names_the_place():
    spoilt = example(7)
    spoilt.truth.data[:] = np.nan
    with pytest.raises(TrainingError, match=r"step 1: found a loss of nan on case-7"):
        run(examples=[spoilt])


def test_z_is_opened_once():
    with pytest.raises(ValidationError, match="z is opened once"):
        Tetris(stages=(BLOCKS, PLANES), save_every=1, seed=0)
