"""What runs on a GPU: on one that is none but tells where everything is, and on a real one if there is."""

import copy
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medscience.errors import ConfigError, MemoryPromiseError, SystemFaultError
from medscience.image import Image, Meaning
from medscience.inference.doubt import Doubt
from medscience.inference.engine import engine, precision_of
from medscience.inference.footprint import AHEAD, footprint
from medscience.inference.gpu import Gpu, find_gpu, gpu_to_plan_for
from medscience.inference.job import planned
from medscience.inference.link import Link
from medscience.inference.predict import Blocks, Read, _ready, predict
from medscience.inference.relief import Relief
from medscience.inference.restore import held_in
from medscience.models.hdenseunet import HDenseUNet
from medscience.models.meshnet import MeshNet
from medscience.models.quick import quickened
from medscience.testing.phantoms import obliques, orientations
from tests.pretend_gpu import NAME, install
from tests.pretend_gpu import THERE as FIRST

SHAPE = (24, 20, 22)
TINY = {
    "classes": 3,
    "step": 4,
    "slices": {"stem": 8, "growth": 4, "blocks": (1, 1, 1, 1), "up": (8, 8, 8, 8, 8)},
    "volume": {"stem": 8, "growth": 4, "blocks": (1, 1, 1, 1), "up": (8, 8, 8, 8, 8)},
}
NETWORKS = {
    "plain": lambda: MeshNet(4, 3, (1, 3, 2), "elu"),
    "relu": lambda: MeshNet(4, 3, (1, 2), "relu"),
    "normed": lambda: MeshNet(4, 3, (1, 2), "gelu", norm="instance", bias=False),
    "cells": lambda: MeshNet(16, 3, (1, 2), "relu", cell=2),
    "windows": lambda: quickened(HDenseUNet(**TINY)),
}
GRIDS = {
    "same": orientations(SHAPE, (1.0, 1.0, 1.0))[0],
    "oblique": obliques(1, seed=3, shape=(20, 22, 21), spacing=(0.8, 0.9, 1.1))[0],
}


def made(name):
    torch.manual_seed(3)
    network = NETWORKS[name]().eval()
    for weight in network.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=1.5 / weight[0].numel() ** 0.5)
    return network


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def image():
    values = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    return Image(values, Meaning(GRIDS["same"]))


@pytest.fixture
def pretend(monkeypatch):
    for size in ("layers.GPU_SLAB", "decide.LOGITS", "footprint.LOGITS"):  # or they would hide the rest
        monkeypatch.setattr(f"medscience.inference.{size}", 1 << 16)
    with install(monkeypatch) as gpu:
        yield gpu


def blocks_of(image, network, gpu=None, *, grid=None, block=None, precision="float32", **more):
    ready = engine(network, precision, gpu=gpu, **more)
    link = Link(grid or image.geometry, image.geometry)
    todo = planned(link, network, ready, 8 << 30, block)
    spare = (lambda: engine(copy.deepcopy(network).cpu())) if gpu and gpu.may_leave else None
    return Blocks(image, link.image, ready, np.float32, todo, Relief(spare))


def run(blocks):
    labels = np.zeros(blocks.answer.shape, blocks.engine.head.decision)
    predict(blocks, labels.__setitem__)
    return labels


def agreement(one, other):
    """Part of the voxels with one label; plain convolutions round otherwise than oneDNN's."""
    assert len(np.unique(other)) > 1
    return (one == other).mean()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "grid, precision",
    [("same", "float32"), ("same", "bfloat16"), ("same", "float16"), ("oblique", "float32")],
)
def test_a_gpu_is_given_all_that_it_computes_with_and_gives_back_what_processors_find(
    name, grid, precision, image, pretend
):
    known = "float32" if precision == "float16" else precision  # processors do not compute in float16
    here = run(blocks_of(image, made(name), grid=GRIDS[grid], precision=known))
    assert pretend.convolutions == 0
    gpu = find_gpu("cuda")
    blocks = blocks_of(image, made(name).to(FIRST), gpu, grid=GRIDS[grid], precision=precision)
    there = run(blocks)
    assert pretend.convolutions > 0
    assert agreement(there, here) > (0.999 if precision == "float32" else 0.9)
    assert 0 < pretend.peak <= blocks.plan.gpu_bytes


@pytest.mark.parametrize("name, block", [("normed", (16, 16, 16)), ("plain", (10, 12, 22))])
def test_so_it_is_with_tiles_maps_thresholds_and_mirror_images(name, block, image, pretend):
    more = {
        "maps": ("confidence", "entropy", "probability-1"),
        "thresholds": (0.4, 0.35),
        "mirrors": ((), (0,), (1, 2)),
    }
    here = run(blocks_of(image, made(name), block=block, **more))
    blocks = blocks_of(image, made(name).to(FIRST), find_gpu("cuda"), block=block, **more)
    there = run(blocks)
    assert agreement(there["label"], here["label"]) > 0.999
    for field in more["maps"]:
        assert np.abs(there[field].astype(int) - here[field]).max() <= 1
    assert pretend.peak <= blocks.plan.gpu_bytes


def test_the_pretence_is_seen_through_where_places_are_mixed(pretend):
    there = torch.ones(3).to(FIRST)
    assert there.device == FIRST
    assert (there + 1).cpu().tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="some are on a GPU"):
        there + torch.ones(3)
    with pytest.raises((RuntimeError, TypeError)):
        there.numpy()


# Where its memory runs out


def test_a_block_without_room_is_done_in_halves_and_the_next_ones_at_once(image, pretend, monkeypatch):
    monkeypatch.setattr("medscience.inference.layers.GPU_SLAB", 64 << 20)
    expected = run(blocks_of(image, made("relu")))
    pretend.has_room = lambda _, voxels: voxels < 5500
    blocks = blocks_of(image, made("relu").to(FIRST), find_gpu("cuda"), block=(12, 20, 22))
    assert agreement(run(blocks), expected) > 0.999
    assert (blocks.relief.halvings, blocks.relief.engine) == (1, None)
    pretend.convolutions = 0
    assert agreement(run(blocks), expected) > 0.999
    assert pretend.convolutions == 2 * 2 * 2  # layers, blocks, halves: nothing is tried in vain
    assert "in up to" in blocks.relief.notes[0]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("number", [1, 2])
def test_out_of_memory_at_any_convolution_changes_no_label_and_is_noted(name, number, image, pretend):
    expected = run(blocks_of(image, made(name)))
    pretend.has_room = lambda convolution, _: convolution != number
    blocks = blocks_of(image, made(name).to(FIRST), find_gpu("auto"))
    assert agreement(run(blocks), expected) > 0.999
    assert len(blocks.relief.notes) == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_without_any_room_processors_take_over_where_they_may(name, image, pretend):
    expected = run(blocks_of(image, made(name)))
    pretend.has_room = lambda *_: False
    blocks = blocks_of(image, made(name).to(FIRST), find_gpu("auto"))
    assert agreement(run(blocks), expected) > 0.999
    assert blocks.relief.notes[-1].endswith("not those of a GPU")
    blocks = blocks_of(image, made(name).to(FIRST), find_gpu("cuda"))
    with pytest.raises(MemoryPromiseError, match=r"GPU-OUT-OF-MEMORY .*Tried to allocate 2\.00 GiB"):
        blocks.relief.spare or run(blocks)


# What is planned


def test_tiles_fit_into_the_gpus_memory_or_are_refused(image):
    network, link = made("plain"), Link(image.geometry, image.geometry)
    sides = []
    for megabytes in (1000, 120):
        ready = engine(network, gpu=Gpu(megabytes << 20))
        todo = planned(Link(GRID_LARGE, GRID_LARGE), network, ready, 8 << 30)
        assert todo.gpu_bytes <= megabytes << 20
        sides.append(todo.blocks)
    assert sides[0] == 1 < sides[1]
    with pytest.raises(MemoryPromiseError, match=r"GPU-MEMORY-TOO-SMALL .*--gpu-memory: found 0.01G"):
        planned(link, network, engine(network, gpu=Gpu(10 << 20)), 8 << 30)


GRID_LARGE = orientations((160, 160, 160), (1.0, 1.0, 1.0))[0]


def test_processors_that_may_take_over_find_the_room_that_they_need():
    network = made("plain")
    alone, spare = (
        footprint(engine(network, gpu=Gpu(1 << 30, may_leave=may))).per_voxel for may in (False, True)
    )
    assert spare == footprint(engine(network)).per_voxel + AHEAD > alone


def test_background_is_copied_on_the_gpu_as_on_processors(image, pretend, monkeypatch):
    monkeypatch.setattr("medscience.inference.background.SMALL", 1.0)
    values = np.zeros(SHAPE, np.float32)
    values[4:9, 3:8, 5:9] = image.data[4:9, 3:8, 5:9]
    still = replace(image, data=values)
    here = run(blocks_of(still, made("relu"), skips=True))
    assert np.array_equal(here, run(blocks_of(still, made("relu"))))
    blocks = blocks_of(still, made("relu").to(FIRST), find_gpu("cuda"), skips=True)
    assert agreement(run(blocks), here) > 0.999
    assert 0 < pretend.peak <= blocks.plan.gpu_bytes


# What is read meanwhile


@pytest.mark.parametrize("grid", GRIDS)
def test_a_block_is_read_while_the_one_before_is_computed(grid, image, pretend):
    """Each once, by a second thread, and never more than one ahead of the block that is computed."""
    blocks = blocks_of(image, made("plain").to(FIRST), find_gpu("cuda"), grid=GRIDS[grid], block=(8, 64, 64))
    expected, heard, written = run(blocks), [], []

    class Listening:
        shape, dtype = image.data.shape, image.data.dtype

        def __getitem__(self, region):
            heard.append((threading.current_thread() is threading.main_thread(), region))
            return image.data[region]

    labels = np.zeros_like(expected)

    def write(region, found):
        labels[region] = found
        written.append(len(heard))

    predict(replace(blocks, frame=replace(image, data=Listening())), write)
    assert np.array_equal(labels, expected)
    assert len(heard) == len(blocks.todo()) > 2
    assert not any(by_main for by_main, _ in heard)
    assert all(read <= done + 1 for done, read in enumerate(written, start=1))


def test_processors_read_for_themselves(image):
    blocks = blocks_of(image, made("plain"), block=(8, 64, 64))
    assert all(ready is blocks for _, ready in _ready(blocks, blocks.todo()))


@given(
    region=st.tuples(*[st.tuples(st.integers(0, 9), st.integers(1, 9))] * 3),
    inner=st.tuples(*[st.tuples(st.integers(0, 9), st.integers(1, 9))] * 3),
)
def test_of_what_was_read_only_what_is_there_is_given(region, inner):
    whole = np.arange(20**3).reshape(20, 20, 20)
    read, wanted = (tuple(slice(a, a + n) for a, n in box) for box in (region, inner))
    found = Read(read, whole[read]).part(wanted)
    inside = all(w.start >= r.start and w.stop <= r.stop for w, r in zip(wanted, read, strict=True))
    assert (found is not None) == inside
    assert found is None or np.array_equal(found, whole[wanted])


# Which one


def test_without_a_gpu_auto_is_processors_and_cuda_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_gpu("auto") is None
    with pytest.raises(SystemFaultError, match="GPU-NONE"):
        find_gpu("cuda")
    with pytest.raises(SystemFaultError, match="GPU-NONE"):
        gpu_to_plan_for("cuda", None)
    elsewhere = gpu_to_plan_for("cuda", 1 << 30)
    assert (elsewhere.memory, elsewhere.is_there) == (1 << 30, False)


def test_one_that_is_there_is_named_and_no_more_is_used_than_is_free(pretend):
    assert find_gpu("cpu") is None
    found = find_gpu("auto", 100 << 30)
    assert (found.name, found.memory, found.may_leave) == (NAME, 8 << 30, True)
    assert find_gpu("cuda", 1 << 30).memory == 1 << 30
    assert precision_of("auto", found) == "bfloat16"
    assert precision_of("auto", Gpu(1)) == "float32"
    assert not torch.backends.cudnn.allow_tf32


def test_float16_is_for_a_gpu_that_computes_alone():
    assert precision_of("float16", Gpu(1)) == "float16"
    for gpu in (None, Gpu(1, may_leave=True)):
        with pytest.raises(ConfigError, match="PRECISION-GPU"):
            precision_of("float16", gpu)
    with pytest.raises(ConfigError, match="PRECISION-GPU"):
        held_in("float16")


# On a real one


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_gpu_finds_what_processors_find_twice_alike_and_within_its_plan(name, image):
    expected = run(blocks_of(image, made(name)))
    blocks = blocks_of(image, made(name).to(FIRST), find_gpu("cuda"))
    torch.cuda.reset_peak_memory_stats()
    one, other = run(blocks), run(blocks)
    assert agreement(one, expected) > 0.999
    assert (one == other).all()
    assert torch.cuda.max_memory_allocated() <= blocks.plan.gpu_bytes
    assert isinstance(predict(blocks, lambda *_: None), Doubt)
