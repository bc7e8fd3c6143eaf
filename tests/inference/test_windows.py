"""Windows of slices that share what they have in common, against windows that are computed one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch.testing import assert_close

from medscience.image import Image, Meaning
from medscience.inference.engine import engine
from medscience.inference.footprint import footprint
from medscience.inference.link import Link
from medscience.inference.plan import SLAB, Footprint, plan, slabs
from medscience.inference.predict import Blocks, predict
from medscience.inference.windows import Windows, kept, starts
from medscience.models.quick import quickened
from medscience.testing.phantoms import orientations
from tests.models.nets import one_by_one, random_network

EITHER = pytest.mark.parametrize("edges", ["neighbours", "duplicated"])


def scan(depth, rows=30, columns=20):
    return 100 * np.random.default_rng(depth).standard_normal((depth, rows, columns)).astype(np.float32)


def predicted(network, values, *, axes="SAR", block=None, thresholds=(), focus=None):
    """Predict as the verb does, of a volume that is stored with other axes than the network's."""
    grid = orientations(values.shape, (2.0, 1.0, 1.0))[0]
    change = grid.reorientation(axes)
    stored = Image(np.ascontiguousarray(change.apply(values)), Meaning(grid.reoriented(change)))
    frame = stored.turned(stored.geometry.reorientation(grid.orientation))
    ready = engine(network, thresholds=thresholds)
    link = Link(stored.geometry, frame.geometry)
    todo = plan(link, ready.features.halo, Footprint(0, 0), 1 << 30, block or stored.shape)
    labels = np.full(stored.shape, 99, np.uint8)
    job = Blocks(frame, stored.geometry, ready, np.float32, replace(todo, focus=focus))
    told = []
    predict(job, labels.__setitem__, lambda done, _all: told.append(done))
    assert told == sorted(told)
    return change.inverse.apply(labels)


@EITHER
@pytest.mark.parametrize("depth, window, step", [(13, 8, 2), (14, 12, 4), (8, 8, 2), (5, 8, 2)])
def test_windows_that_share_slices_answer_as_windows_one_by_one(depth, window, step, edges):
    network = random_network(window=window, step=step, edges=edges).double()
    image = scan(depth)
    with torch.inference_mode():
        expected = one_by_one(network, image)
        found = Windows(quickened(network), torch.float64)(torch.from_numpy(image)[None, None])
    assert_close(found[0].exp(), expected, atol=1e-6, rtol=1e-5)
    assert expected.std() > 0.01
    assert bool(engine(quickened(network.float())).features.notes(depth)) == (depth + 2 < window)


def test_duplicated_edges_are_another_answer_than_true_neighbours():
    image = torch.from_numpy(scan(13))[None, None]
    with torch.inference_mode():
        both = [
            Windows(quickened(random_network(edges=edges)), torch.float32)(image)
            for edges in ("neighbours", "duplicated")
        ]
    assert (both[0] - both[1]).abs().max() > 1e-3


@given(st.integers(1, 60), st.sampled_from([8, 12]), st.data())
@settings(max_examples=200)
def test_every_slice_is_answered_by_windows_in_which_it_is_not_outermost(depth, window, data):
    step = data.draw(st.integers(1, window - 2))
    counted = np.zeros(depth, int)
    for start in starts(depth, window, step):
        assert start == -1 or start + window <= depth + 1
        answered = kept(start, depth, window)
        assert start < answered.start
        assert answered.stop < start + window
        counted[answered] += 1
    assert counted.min() >= 1


@pytest.mark.parametrize("axes", ["SAR", "LIA"])
@pytest.mark.parametrize("depths", [(6, 30, 20), (3, 30, 20), (13, 16, 20)])
def test_blocks_change_nothing(axes, depths):
    """However the slices are shared out, along whichever axis they are stored."""
    network, values = quickened(random_network()), scan(13)
    grid = orientations(values.shape, (2.0, 1.0, 1.0))[0]
    order = grid.reorientation(axes).order
    block = tuple(depths[axis] for axis in order)
    with torch.inference_mode():
        expected = one_by_one(network, values)
    labels = predicted(network, values, axes=axes, block=block)
    near = expected.topk(2, dim=0).values.diff(dim=0).abs().numpy()[0] < 1e-3
    assert len(np.unique(labels)) > 1
    assert_array_equal(labels[~near], expected.argmax(0).numpy()[~near])


def test_thresholds_decide_and_the_last_label_counts():
    network, values = quickened(random_network()), scan(8)
    with torch.inference_mode():
        _, liver, tumour = one_by_one(network, values).numpy()
    high = float(tumour.min() + tumour.max()) / 2
    low = float(np.median(liver[tumour < high]))
    labels = predicted(network, values, thresholds=(low, high))
    sure = (np.abs(liver - low) > 1e-3) & (np.abs(tumour - high) > 1e-3)
    expected = np.where(tumour >= high, 2, np.where(liver >= low, 1, 0))
    assert_array_equal(labels[sure], expected[sure])
    assert set(np.unique(labels)) == {0, 1, 2}


def test_within_a_focus_nothing_changes_and_an_empty_one_is_all_background():
    network, values = quickened(random_network()), scan(13)
    whole = predicted(network, values)
    box = (slice(4, 6), slice(3, 20), slice(0, 20))
    focused = predicted(network, values, focus=box)
    assert (focused[box] != whole[box]).mean() < 1e-3
    focused[box] = 0
    assert not focused.any()
    assert not predicted(network, values, focus=(slice(0, 0),) * 3).any()


def test_slices_are_computed_once_for_all_windows():
    """And only those that a window needs, one more at each end; with duplicated edges two for each window."""
    for edges, expected in (("neighbours", 16), ("duplicated", 14 + 2 * 5)):
        network = quickened(random_network(edges=edges))
        seen = []
        network.slices.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(len(inputs[0])))
        with torch.inference_mode():
            Windows(network, torch.float32)(torch.from_numpy(scan(14, 32, 32))[None, None])
        assert sum(seen) == expected


def test_bfloat16_leaves_the_network_as_it_was():
    network, image = quickened(random_network()), torch.from_numpy(scan(8))[None, None]
    with torch.inference_mode():
        before = Windows(network, torch.float32)(image)
        rough = Windows(network, torch.bfloat16)(image)
        assert torch.equal(Windows(network, torch.float32)(image), before)
    assert 0 < (rough.exp() - before.exp()).abs().mean() < 0.05


def test_plans_are_of_whole_slices_along_whichever_axis_they_are_stored():
    ready = engine(quickened(random_network()))
    for axes in ("SAR", "RAS"):
        grid = orientations((300, 64, 64), (1.0, 1.0, 1.0))[0]
        image = grid.reoriented(grid.reorientation(axes))
        todo = slabs(Link(image, grid), ready.features.halo, footprint(ready), 4 << 30)
        across = image.shape.index(300)
        assert todo.block[across] <= SLAB
        assert [n for axis, n in enumerate(todo.block) if axis != across] == [64, 64]
