"""Training a detector: its frames, its loss, and that an interruption changes nothing."""

import math

import numpy as np
import pytest
import torch
import yaml
from numpy.testing import assert_array_equal

from medscience.antinode import Antinode, Ellipse
from medscience.detector import DetectorDesign, read_detector
from medscience.models.antinode_maps import wanted
from medscience.models.known_answer import check_model
from medscience.recipe import FrameRecipe
from medscience.steps.train import train
from medscience.training.checkpoint import write_checkpoint
from medscience.training.detection import EXPECTED, frame_batches, laws_loss, maps_loss
from medscience.training.detector import prepare_detector
from medscience.training.made import RECORD
from medscience.training.resume import CHECKPOINT
from medscience.training.schedule import Schedule


@pytest.fixture
def recipe(content):
    return FrameRecipe(**content["training"])


def test_the_frames_of_a_step_follow_from_its_number(recipe):
    schedule = Schedule(recipe, 0)
    whole = dict(enumerate(frame_batches(recipe, 16, schedule.stages_after(0)), start=1))
    later = next(frame_batches(recipe, 16, schedule.stages_after(2)))
    for one, other in zip(whole[3], later, strict=True):
        assert_array_equal(one.frame, other.frame)
        assert_array_equal(one.wanted.rings, other.wanted.rings)
    assert not np.array_equal(whole[1][0].frame, whole[2][0].frame)


def test_held_back_frames_may_not_be_learnt_from(content):
    content["training"]["frames"]["calibration_seed"] = 1_000_002
    with pytest.raises(ValueError, match="calibration_seed must differ"):
        DetectorDesign(**content)


def slow_loss(answer, target):
    """The loss of one frame, cell by cell."""
    total = 0.0
    for y, x in np.ndindex(target.middle.shape):
        values = answer[:, y, x].astype(float)
        p, truth = 1 / (1 + math.exp(-values[0])), float(target.middle[y, x])
        if truth == 1:
            total -= (1 - p) ** 2 * math.log(p)
        else:
            total -= (1 - truth) ** 4 * p**2 * math.log(1 - p)
        away = np.abs(values[1:6] - target.shape[:, y, x])
        huber = np.where(away < 0.02, away**2 / 0.04, away - 0.01)
        chances = np.exp(values[6:] - values[6:].max())
        entropy = -(target.rings[:, y, x] * np.log(chances / chances.sum())).sum()
        place = 2 * huber[:2].sum() / target.size[y, x] + huber[2:].sum()
        total += target.weight[y, x] * (place + entropy)
    return total / EXPECTED


def test_the_loss_is_the_one_that_a_loop_over_cells_gives():
    antinodes = [Antinode(Ellipse(60, 40, 40, 25, 30), 2.3), Antinode(Ellipse(10, 90, 20, 18, 100), 1.0)]
    targets = [wanted(antinodes, (12, 16), 16), wanted([], (12, 16), 16)]
    answers = np.random.default_rng(0).normal(0, 1.5, (2, 22, 12, 16)).astype(np.float32)
    found = maps_loss(torch.from_numpy(answers), targets)
    assert found.tolist() == pytest.approx(
        [slow_loss(*pair) for pair in zip(answers, targets, strict=True)], rel=1e-4
    )


def test_a_training_makes_a_model_that_is_the_same_however_often_it_was_interrupted(content, tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    train(str(path), "whole", into=tmp_path, threads=1)
    job = prepare_detector(DetectorDesign(**content))
    states = []

    def stops(state):
        states.append(state)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.fit(stops, lambda done, total: None).run(job.network, job.start)
    (tmp_path / "cut").mkdir()
    write_checkpoint(tmp_path / "cut" / CHECKPOINT, states[0])
    train(str(path), "cut", resume=True, into=tmp_path, threads=1)
    whole, cut = (read_detector(tmp_path / name / f"{name}.yaml") for name in ("whole", "cut"))
    assert cut.weights.sha256 == whole.weights.sha256
    assert cut.output == whole.output
    assert check_model(tmp_path / "cut/cut.yaml") < 1e-4
    assert {"card.md", "curves.tsv", RECORD} <= {file.name for file in (tmp_path / "cut").iterdir()}
    assert "simulated frames only" in (tmp_path / "cut/card.md").read_text()


# The second look


@pytest.fixture
def looking(content):
    """A recipe in two stages: maps, then the counter."""
    content["network"]["arguments"]["counter"] = 4
    content["training"]["stages"] = [
        {"steps": 2, "batch": 2, "learning_rate": 0.01},
        {"steps": 2, "batch": 2, "learning_rate": 0.01, "learns": "counter"},
    ]
    content["training"] |= {"validate_every": 4, "save_every": 2}
    return content


def test_a_stage_of_the_counter_changes_nothing_else(looking, monkeypatch):
    monkeypatch.setattr("medscience.training.detection.DOUBTFUL", 1e-4)
    job, states = prepare_detector(DetectorDesign(**looking)), []
    job.fit(states.append, lambda done, total: None).run(job.network, job.start)
    begun, first, last = (dict(each.weights) for each in (job.start, *states))
    for name, value in begun.items():
        of_counter = name.startswith("counter")
        assert torch.equal(first[name], value) == of_counter, name
        assert of_counter or torch.equal(last[name], first[name]), name
    assert any(not torch.equal(last[name], first[name]) for name in last if name.startswith("counter"))


def test_what_is_no_antinode_does_not_count_in_the_second_look():
    target = wanted([Antinode(Ellipse(60, 40, 40, 25, 30), 2.3)], (12, 16), 16)
    row, column = (int(each[0]) for each in np.nonzero(target.middle == 1))
    laws = torch.randn(3, 16)
    cells = tuple(torch.tensor(each) for each in ([0, 1, 0], [row, row, 0], [column, column, 0]))
    found = laws_loss(laws, cells, [target, wanted([], (12, 16), 16)])
    expected = -(torch.from_numpy(target.rings[:, row, column]) * laws[0].log_softmax(0)).sum() / EXPECTED
    assert found.tolist() == pytest.approx([expected.item(), 0.0])


def test_frames_in_which_no_middle_is_found_teach_nothing():
    assert (
        laws_loss(torch.zeros(0, 16), (torch.zeros(0, dtype=torch.long),) * 3, [wanted([], (4, 4), 16)]) == 0
    )


def test_a_stage_of_a_counter_that_is_not_there_is_refused(looking):
    del looking["network"]["arguments"]["counter"]
    with pytest.raises(ValueError, match=r"arguments\.counter must be given"):
        DetectorDesign(**looking)
