import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.errors import MemoryPromiseError
from medscience.inference.link import Link
from medscience.inference.plan import Footprint, parse_memory, plan, whole
from medscience.testing.phantoms import obliques, orientations

FOOTPRINT = Footprint(fixed=100 << 20, per_voxel=100)


def same(shape):
    """An image that the network sees as it is."""
    grid = orientations(shape, (1.0, 1.0, 1.0))[0]
    return Link(grid, grid)


SHAPES = st.tuples(*[st.integers(1, 600)] * 3)


@given(shape=SHAPES, halo=st.integers(0, 50), memory=st.integers(200 << 20, 8 << 30))
def test_a_plan_keeps_the_promise_or_says_what_it_needs(shape, halo, memory):
    try:
        found = plan(same(shape), (halo,) * 3, FOOTPRINT, memory)
    except MemoryPromiseError as refusal:
        needed = parse_memory(refusal.expected.split()[0])
        assert needed > memory
        assert plan(same(shape), (halo,) * 3, FOOTPRINT, needed).predicted_bytes <= needed
    else:
        assert found.predicted_bytes <= memory
        assert found.predicted_bytes >= FOOTPRINT.fixed + 100 * math.prod(found.tile)


def test_one_tile_is_used_when_it_fits():
    found = plan(same((256, 256, 256)), (46,) * 3, FOOTPRINT, 4 << 30)
    assert (found.blocks, found.block, found.tile) == (1, (256, 256, 256), (256, 256, 256))


@given(memory=st.integers(700 << 20, 3 << 30))
def test_more_memory_never_means_more_work(memory):
    def work(promised):
        found = plan(same((256, 300, 200)), (20,) * 3, FOOTPRINT, promised)
        return found.computed

    assert work(memory + (200 << 20)) <= work(memory)


def test_layers_that_need_less_are_less_work():
    """Reaches of 20 and 10: the first sees 30 voxels around a block, the second 10."""
    held = replace(FOOTPRINT, reaches=(30, 10))
    found = plan(same((400, 100, 100)), (30,) * 3, held, 8 << 30, (200, 100, 100))
    assert found.computed == 2 * (260 + 220) // 2 * 100 * 100


def test_blocks_can_be_chosen_and_are_no_larger_than_the_volume():
    found = plan(same((100, 256, 256)), (9,) * 3, FOOTPRINT, 8 << 30, (128, 128, 128))
    assert (found.block, found.tile, found.blocks) == ((100, 128, 128), (100, 146, 146), 4)


def test_a_chosen_block_that_does_not_fit_is_refused_with_the_number():
    with pytest.raises(MemoryPromiseError, match=r"0\.12G.*M or more.*smaller --tile"):
        plan(same((256, 256, 256)), (9,) * 3, FOOTPRINT, 128 << 20, (128, 128, 128))


@pytest.mark.parametrize("text", ["", "8", "G", "-1G", "8X", "0G", "1e400G"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises((ValueError, OverflowError)):
        parse_memory(text)


def test_a_network_that_must_see_everything_gets_one_tile_or_is_refused():
    link = Link(obliques(1, shape=(90, 80, 70))[0], orientations((100, 100, 100), (1.0, 1.0, 1.0))[0])
    assert whole(link, FOOTPRINT, 1 << 30).tile == (100, 100, 100)
    with pytest.raises(MemoryPromiseError):
        whole(link, FOOTPRINT, 150 << 20)


def test_a_plan_is_recorded_as_plain_json():
    found = plan(same((64, 64, 64)), (3, 3, 3), FOOTPRINT, 1 << 30)
    focused = replace(found, focus=(slice(1, 2), slice(3, 4), slice(5, 6)))
    assert json.loads(json.dumps(focused.record()))["focus"] == [[1, 2], [3, 4], [5, 6]]
    assert found.record()["focus"] is None
