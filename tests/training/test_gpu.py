"""Training on a GPU: on one that is none but tells where everything is, and on a real one if there is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import yaml

from medscience.description import read_design
from medscience.errors import MemoryPromiseError, SystemFaultError
from medscience.inference.gpu import Gpu, find_gpu
from medscience.models.hdenseunet import HDenseUNet
from medscience.steps.train import train
from medscience.training import world as worlds
from medscience.training.checkpoint import Checkpoint, Validation, read_checkpoint, write_checkpoint
from medscience.training.fit import Fit
from medscience.training.footprint import patch_bytes
from medscience.training.job import prepare
from medscience.training.loop import train as train_on_heads
from medscience.training.place import place_for
from medscience.training.resume import CHECKPOINT
from medscience.training.sampling import batches
from medscience.training.schedule import Schedule
from medscience.training.tetris import learned
from medscience.training.world import World, joined
from tests.pretend_gpu import NAME, install
from tests.training.conftest import DESIGN, TRAINING, write_design
from tests.training.test_hybrid import ARGUMENTS, course, patches
from tests.training.test_loop import RECIPE as HEADS
from tests.training.test_loop import bright_blobs
from tests.training.test_loop import patches as head_patches
from tests.training.test_tetris import EXAMPLES
from tests.training.test_tetris import RECIPE as TETRIS
from tests.training.test_tetris import start as tetris_start

NORMED = DESIGN["network"] | {"arguments": DESIGN["network"]["arguments"] | {"norm": "batch", "bias": False}}
WORDS = {
    "plain": ({}, {}),
    "recomputed": ({"checkpointing": True}, {}),
    "dice": ({"loss": {"name": "dice-cross-entropy", "class_weights": [1.0, 2.0, 2.0]}}, {}),
    "muon": ({"optimiser": {"name": "muon"}, "settle": 0.5}, {"network": NORMED}),
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def pretend(monkeypatch):
    with install(monkeypatch) as gpu:
        yield gpu


def fit_of(job, world, save=lambda state: None):
    def validate(network, step):
        return Validation(step, 0.0, 0.0, 0.0)

    return Fit(job.schedule, partial(batches, job.of("train"), job.recipe), validate, save, world)


def job_of(cohort, folder, name, gpu=None, memory=8 << 30):
    recipe, change = WORDS[name]
    design = read_design(write_design(folder / "tiny.yaml", recipe, **change))
    return prepare(design, design.training, cohort / "sheet.tsv", None, None, memory, gpu=gpu)


def near(one, other):
    """Whether two trainings went alike; sums on a GPU are in another order."""
    assert len(one.losses) == len(other.losses) > 0
    assert one.losses == pytest.approx(other.losses, rel=2e-3)
    for name, value in one.weights.items():
        assert value.device == other.weights[name].device == torch.device("cpu")


@pytest.mark.parametrize("name", WORDS)
def test_a_gpu_learns_what_processors_learn(name, cohort, tmp_path, pretend):
    here, there = job_of(cohort, tmp_path, name), job_of(cohort, tmp_path, name)
    one = fit_of(here, World()).run(here.network, here.start)
    assert pretend.convolutions == 0
    other = fit_of(there, World(gpu=find_gpu("cuda"))).run(there.network, there.start)
    assert pretend.convolutions > 0
    near(one, other)


@pytest.mark.parametrize("name", ["plain", "recomputed", "muon"])
def test_a_step_holds_no_more_of_a_gpu_than_was_foretold(name, cohort, tmp_path, pretend):
    job = job_of(cohort, tmp_path, name)
    stage, *_ = job.recipe.stages
    told = patch_bytes(job.network, stage.patch, "float32", checkpointing=job.recipe.checkpointing)
    fit_of(job, World(gpu=find_gpu("cuda"))).run(job.network, job.start)
    assert 0 < pretend.peak <= stage.batch * told


@pytest.mark.parametrize("learns", ["slices", "volume", "end-to-end"])
def test_so_do_an_hdenseunets_parts(learns, pretend):
    ended = []
    for gpu in (None, find_gpu("cuda")):
        torch.manual_seed(0)
        network = HDenseUNet(**ARGUMENTS)
        start = Checkpoint(0, "", {k: v.clone() for k, v in network.state_dict().items()}, {})
        made = course(learns)
        fit = Fit(
            Schedule(made, 1),
            lambda stages: ([*patches(1, step)] for step, _ in stages),
            lambda network, step: Validation(step, 0.0, 0.0, 0.0),
            lambda state: None,
            World(gpu=gpu),
        )
        ended.append(fit.run(network, start))
    assert pretend.convolutions > 0
    near(*ended)


def test_so_does_a_detector_and_it_is_calibrated_there(content, tmp_path, pretend, monkeypatch):
    for name in ("models.fringe.LOOK", "training.detection.DOUBTFUL"):
        monkeypatch.setattr(f"medscience.{name}", 0.02)  # or nothing would be looked at again so early
    content["network"]["arguments"]["counter"] = 4
    stage = {"steps": 2, "batch": 2, "learning_rate": 0.01}
    content["training"]["stages"] = [stage, stage | {"learns": "counter"}]
    path = tmp_path / "fringe.yaml"
    path.write_text(yaml.safe_dump(content))
    for name, device in (("here", "cpu"), ("there", "cuda")):
        train(str(path), name, into=tmp_path, threads=1, device=device)
        assert (pretend.convolutions > 0) == (device == "cuda")
    curves = [np.loadtxt(tmp_path / name / "curves.tsv", skiprows=1, usecols=1) for name in ("here", "there")]
    assert curves[0] == pytest.approx(curves[1], rel=2e-3)
    assert NAME in (tmp_path / "there/card.md").read_text()
    assert NAME not in (tmp_path / "here/card.md").read_text()


def test_so_does_a_network_that_restores(pretend):
    ended = []
    for gpu in (None, find_gpu("cuda")):
        network, state = tetris_start()
        found, last = learned(TETRIS, network, EXAMPLES, state, lambda _: None, place=place_for(gpu))
        assert place_for(gpu).type == next(found.parameters()).device.type
        ended.append(last)
    assert pretend.convolutions > 0
    near(*ended)


def test_so_does_the_network_of_the_demo(pretend):
    from medscience.models.meshnet import MeshNet

    losses = []
    recipe = HEADS.model_copy(update={"steps": 8})
    for gpu in (None, find_gpu("cuda")):
        data = head_patches([bright_blobs(n) for n in range(2)], recipe.patch, 3)
        losses.append(train_on_heads(MeshNet(4, 2, (1, 2), "elu"), data, recipe, place=place_for(gpu)))
    assert pretend.convolutions > 0
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)


# Through the verb


def test_a_sheet_is_learnt_from_validated_and_written_on_a_gpu(cohort, tmp_path, pretend):
    design = write_design(tmp_path / "tiny.yaml")
    for name, device in (("here", "cpu"), ("there", "auto")):
        train(str(design), name, cohort / "sheet.tsv", into=tmp_path, threads=1, device=device)
    assert pretend.convolutions > 0
    tables = [
        [line.split("\t") for line in (tmp_path / name / "samples.tsv").read_text().splitlines()]
        for name in ("here", "there")
    ]
    assert [row[:4] for row in tables[0]] == [row[:4] for row in tables[1]]
    dice = [[float(row[4]) for row in table[1:]] for table in tables]
    assert dice[0] == pytest.approx(dice[1], abs=0.02)
    assert NAME in (tmp_path / "there/card.md").read_text()


def test_what_a_gpu_began_another_or_processors_may_end(cohort, tmp_path, pretend):
    """A checkpoint holds no place: it goes on wherever there is one."""
    job, path = job_of(cohort, tmp_path, "muon"), tmp_path / CHECKPOINT
    gpu = find_gpu("cuda")
    states = []

    def save(state):
        write_checkpoint(path.with_name(f"{state.step}"), state)
        states.append(state)

    whole = fit_of(job, World(gpu=gpu), save).run(job.network, job.start)
    middle = read_checkpoint(path.with_name("4"))
    for world in (World(gpu=gpu), World()):
        again = job_of(cohort, tmp_path, "muon")
        near(fit_of(again, world).run(again.network, middle), whole)


# Where there is no room, or no GPU


def test_a_step_without_room_is_one_line_and_the_last_checkpoint_is_good(cohort, tmp_path, pretend):
    job, saved = job_of(cohort, tmp_path, "plain"), []
    pretend.has_room = lambda convolution, _: convolution < 30
    with pytest.raises(MemoryPromiseError, match=r"GPU-OUT-OF-MEMORY .*step \d+.*2\.00 GiB.*at_once"):
        fit_of(job, World(gpu=find_gpu("cuda")), saved.append).run(job.network, job.start)
    assert saved
    pretend.has_room = lambda *_: True
    again = job_of(cohort, tmp_path, "plain")
    assert fit_of(again, World(gpu=find_gpu("cuda"))).run(again.network, saved[-1]).step == 8


def test_restoring_without_room_is_one_line(pretend):
    network, state = tetris_start()
    pretend.has_room = lambda *_: False
    with pytest.raises(MemoryPromiseError, match="GPU-OUT-OF-MEMORY"):
        learned(TETRIS, network, EXAMPLES, state, lambda _: None, place=place_for(find_gpu("cuda")))


def test_a_step_that_cannot_fit_is_refused_before_it_begins(cohort, tmp_path):
    with pytest.raises(MemoryPromiseError, match=r"GPU-MEMORY-TOO-SMALL .*0\.00G"):
        job_of(cohort, tmp_path, "plain", gpu=Gpu(1 << 20, "small"))
    job_of(cohort, tmp_path, "plain", gpu=Gpu(1 << 30, "large"))


def test_without_a_gpu_cuda_is_refused_and_auto_is_processors(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    design = write_design(tmp_path / "tiny.yaml")
    with pytest.raises(SystemFaultError, match="GPU-NONE"):
        train(str(design), "mine", cohort / "sheet.tsv", into=tmp_path, threads=1, device="cuda")
    with joined("auto") as world:
        assert (world.gpu, world.place) == (None, torch.device("cpu"))


# Many of them


@pytest.fixture
def launched(monkeypatch, pretend):
    """As if torchrun had started this process, the second of two on its machine."""
    heard = {"chosen": [], "others": 1}

    def all_reduce(tensor):
        tensor += heard["others"]

    for name, answer in {
        "is_torchelastic_launched": lambda: True,
        "get_node_local_rank": lambda: 1,
        "get_rank": lambda: 1,
        "get_world_size": lambda: 2,
        "init_process_group": lambda backend: heard.update(backend=backend),
        "destroy_process_group": lambda: heard.update(ended=True),
        "all_reduce": all_reduce,
    }.items():
        monkeypatch.setattr(worlds.dist, name, answer)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", heard["chosen"].append)
    return heard


def test_each_process_takes_the_gpu_of_its_own_number(launched):
    with joined("cuda") as world:
        assert (world.rank, world.size, world.gpu.name) == (1, 2, NAME)
    assert launched["chosen"] == [1]
    assert launched["backend"] == "cpu:gloo,cuda:nccl"
    assert launched["ended"]


def test_processes_of_which_some_have_no_gpu_are_refused(launched):
    launched["others"] = 0
    with pytest.raises(SystemFaultError, match=r"TRAIN-GPUS .*1 GPUs for 2 processes"), joined("auto"):
        pass
    assert launched["ended"]


def test_more_processes_than_gpus_are_refused(launched, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SystemFaultError, match=r"GPU-NONE .*fewer GPUs than 2"), joined("cuda"):
        pass


def test_what_is_left_of_a_gpu_is_what_the_training_does_not_hold(pretend):
    gpu = find_gpu("cuda")
    held = torch.ones(1 << 20).to(place_for(gpu))
    assert gpu.left() == replace(gpu, memory=gpu.memory - held.nbytes)


# On a real one


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", WORDS)
def test_a_real_gpu_learns_what_processors_learn(name, cohort, tmp_path):
    ended = []
    for gpu in (None, find_gpu("cuda")):
        job = job_of(cohort, tmp_path, name)
        ended.append(fit_of(job, World(gpu=gpu)).run(job.network, job.start))
    assert ended[0].losses == pytest.approx(ended[1].losses, rel=0.05)


assert TRAINING["save_every"] == 2  # the tests above count on it
