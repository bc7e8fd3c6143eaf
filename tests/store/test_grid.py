from itertools import pairwise
from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medscience.store.grid import (
    CHUNK,
    COARSEST,
    FRAME,
    FRAMES_SHARD,
    SHARD,
    level_factors,
    regions,
    storage_grid,
)
from medscience.testing.strategies import SPACINGS, shapes

SIDES = st.integers(1, 600)
TRIPLES = st.tuples(SIDES, SIDES, SIDES)
STEPS = st.tuples(SPACINGS, SPACINGS, SPACINGS)


@given(TRIPLES, st.none() | TRIPLES)
def test_a_shard_is_whole_chunks(shape, block):
    chunk, shard = storage_grid(shape, block)
    assert all(s % c == 0 for c, s in zip(chunk, shard, strict=True))
    assert min(chunk) >= 1


@given(TRIPLES, TRIPLES)
def test_a_block_is_whole_shards_or_the_whole_axis(shape, block):
    _, shard = storage_grid(shape, block)
    for n, b, s in zip(shape, block, shard, strict=True):
        assert b % s == 0 or b >= n


@given(TRIPLES)
def test_where_no_block_is_asked_for_chunks_and_shards_have_the_agreed_sizes(shape):
    chunk, shard = storage_grid(shape)
    for n, c, s in zip(shape, chunk, shard, strict=True):
        assert c == min(CHUNK, n)
        assert s <= SHARD
        assert s == min(SHARD, -(-n // c) * c)


@given(TRIPLES, st.integers(2, 5), st.integers(2, 5), st.integers(2, 5))
def test_a_block_that_halves_well_gets_chunks_of_32_to_64(shape, z, y, x):
    block = (z * 32, y * 64, x * 96)
    chunk, _ = storage_grid(shape, block)
    for n, c in zip(shape, chunk, strict=True):
        assert min(n, 32) <= c <= 64


@given(TRIPLES, st.tuples(st.integers(1, 9), st.integers(1, 9)), st.none() | TRIPLES)
def test_time_and_channel_get_chunks_and_shards_of_one(shape, lead, block):
    shape = (shape[0] + 1, *shape[1:])  # single slices are frames
    chunk, shard = storage_grid((*lead, *shape), block)
    assert (chunk[:2], shard[:2]) == ((1, 1), (1, 1))
    assert (chunk[2:], shard[2:]) == storage_grid(shape, block)


@given(st.integers(1, 20_000), st.integers(1, 5000), st.integers(1, 5000))
def test_shards_of_frames_are_whole_frames_of_a_size_that_streams(times, height, width):
    shape = (times, 1, height, width)
    chunk, shard = storage_grid(shape)
    assert chunk == (1, 1, min(height, FRAME), min(width, FRAME))
    assert all(s >= n for s, n in zip(shard[1:], shape[1:], strict=True))
    assert all(s % c == 0 for c, s in zip(chunk, shard, strict=True))
    assert 1 <= shard[0] <= times
    assert prod(shard) <= FRAMES_SHARD or shard[0] == 1
    assert shard[0] == times or prod(shard) // shard[0] * (shard[0] + 1) > FRAMES_SHARD


@given(shapes(12), shapes(12))
def test_regions_cover_every_voxel_once(shape, block):
    visits = np.zeros(shape, dtype=int)
    for region in regions(shape, block):
        assert all(part.stop <= n for part, n in zip(region, shape, strict=True))
        visits[region] += 1
    assert (visits == 1).all()


@given(shapes(12), shapes(12))
def test_regions_begin_at_whole_blocks_and_come_in_storage_order(shape, block):
    corners = [tuple(part.start for part in region) for region in regions(shape, block)]
    assert all(c % b == 0 for corner in corners for c, b in zip(corner, block, strict=True))
    assert corners == sorted(corners)


@given(TRIPLES, STEPS)
def test_a_pyramid_begins_with_the_image_and_ends_with_short_sides(shape, spacing):
    levels = level_factors(shape, spacing)
    assert levels[0] == (1, 1, 1)
    assert all(-(-n // f) <= COARSEST for n, f in zip(shape, levels[-1], strict=True))


@given(TRIPLES, STEPS)
def test_every_level_halves_some_axes_and_no_level_comes_after_the_first_with_short_sides(shape, spacing):
    levels = level_factors(shape, spacing)
    for fine, coarse in pairwise(levels):
        ratios = {c / f for f, c in zip(fine, coarse, strict=True)}
        assert 2 in ratios
        assert ratios <= {1, 2}
        assert any(-(-n // f) > COARSEST for n, f in zip(shape, fine, strict=True))


@given(TRIPLES, STEPS)
def test_no_axis_shrinks_below_half_of_the_longest_side_of_the_coarsest_level(shape, spacing):
    for factors in level_factors(shape, spacing):
        for n, f in zip(shape, factors, strict=True):
            assert -(-n // f) >= min(n, COARSEST // 2)


@given(TRIPLES, STEPS)
def test_an_axis_waits_while_its_voxels_are_twice_as_long_as_those_of_another_long_axis(shape, spacing):
    levels = level_factors(shape, spacing)
    for fine, coarse in pairwise(levels):
        sides = [-(-n // f) for n, f in zip(shape, fine, strict=True)]
        steps = [s * f for s, f in zip(spacing, fine, strict=True)]
        shortest = min(step for step, n in zip(steps, sides, strict=True) if n > COARSEST)
        for n, step, before, after in zip(sides, steps, fine, coarse, strict=True):
            assert (after > before) == (n > COARSEST and step < 2 * shortest)


def test_an_image_of_short_sides_has_one_level():
    assert level_factors((64, 64, 64), (1.0, 1.0, 1.0)) == [(1, 1, 1)]


@given(st.integers(1, 9), TRIPLES, STEPS)
def test_time_is_never_made_coarser(frames, shape, spacing):
    assert level_factors((frames, *shape), spacing) == level_factors(shape, spacing)
