"""The network as a stream of slices is the network on the whole image."""

import itertools
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from medscience.inference.held import Held, stream_bytes
from medscience.inference.stream import Stream, fork, windows
from medscience.models.rstar4d import RSTAR4D


def network(width=3, levels=3, stage=2):
    torch.manual_seed(1)
    made = RSTAR4D(width, levels, stage).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # so that nothing vanishes through a dozen blocks
            parameter.mul_(1.5)
    return made


def drawn(phases, z, y, x):
    return torch.randn(1, 2, phases, z, y, x, generator=torch.Generator().manual_seed(0))


def slices(image, precision=torch.float32):
    for z in range(image.shape[3]):
        pictures = (image[:, :, t, z] for t in range(image.shape[2]))
        yield [each.to(precision, memory_format=torch.channels_last) for each in pictures]


def streamed(made, image, precision=torch.float32):
    with torch.inference_mode():
        found = [torch.stack(phases, 2) for phases in Stream(made, precision)(slices(image, precision))]
    return torch.stack(found, 3)


@given(
    phases=st.integers(1, 4),
    sides=st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4)),
    width=st.integers(1, 5),
    levels=st.integers(2, 4),
    stage=st.sampled_from([1, 2]),
)
@settings(deadline=None, max_examples=40)
def test_a_stream_is_the_network_for_any_size(phases, sides, width, levels, stage):
    made = network(width, levels, stage)
    image = drawn(phases, *(n * m for n, m in zip(sides, made.multiples, strict=True)))
    with torch.inference_mode():
        expected = made(image)
    scale = float(expected.abs().max())
    assert_close(streamed(made, image), expected, rtol=0, atol=1e-5 * scale)


def test_the_published_network_agrees_within_a_tenth_of_a_hounsfield_unit():
    torch.manual_seed(5)
    made = RSTAR4D().eval()
    image = drawn(3, 6, 24, 16)
    with torch.inference_mode():
        assert float((streamed(made, image) - made(image)).abs().max()) * 1000 < 0.1


def test_half_precision_rounds_and_no_more():
    made = network(8)
    image = drawn(3, 6, 16, 16)
    with torch.inference_mode():
        expected = made(image)
        found = streamed(made, image, torch.bfloat16)
    assert found.dtype == torch.bfloat16
    assert float((found - expected).std() / expected.std()) < 0.2


def test_rolled_phases_give_rolled_slices_to_the_bit():
    made, image = network(), drawn(5, 4, 8, 8)
    image[:, 1] = image[:, 1, :1].clone()
    rolled = streamed(made, torch.roll(image, 2, dims=2))
    assert torch.equal(rolled, torch.roll(streamed(made, image), 2, dims=2))


def test_a_slice_follows_from_no_slice_beyond_the_reach():
    made = network(1, levels=2)
    stream = Stream(made, torch.float32)
    image = drawn(1, 3 * stream.reach, 4, 4)
    changed = image.clone()
    middle = stream.reach + stream.reach // 2
    changed[:, :, :, : middle - stream.reach] += 1
    changed[:, :, :, middle + stream.reach + 1 :] += 1
    found, other = streamed(made, image), streamed(made, changed)
    assert torch.equal(found[:, :, :, middle], other[:, :, :, middle])
    assert not torch.equal(found, other)


def test_the_network_itself_is_left_as_it_is():
    made, image = network(), drawn(2, 4, 8, 8)
    with torch.inference_mode():
        before, same = made(image), image.clone()
        streamed(made, image, torch.bfloat16)
        assert torch.equal(made(image), before)
    assert torch.equal(image, same)


def test_what_is_held_does_not_grow_with_the_length_of_the_volume():
    stream = Stream(network(2, levels=2), torch.float32)
    short, long, longer = (stream_bytes(stream, (3, z, 8, 8)) for z in (8, 60, 6000))
    assert short < long == longer


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_what_is_held_is_foretold_from_a_small_plane(precision):
    made = network(4)
    stream = Stream(made, precision)
    image = drawn(2, 24, 24, 16)
    with torch.inference_mode(), Held() as held:
        for phases in stream(slices(image, precision)):
            del phases
    foretold = stream_bytes(stream, tuple(image.shape[2:]))
    assert held.peak - image.nbytes == pytest.approx(foretold, rel=0.01)  # it has seen the image itself too


def test_held_forgets_what_is_gone():
    with Held() as held:
        for _ in range(10):
            torch.zeros(1000)
    assert held.peak == 4000


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 12))
def test_both_branches_of_a_fork_give_everything(order, count):
    branches = fork(iter(range(count)))
    found = [], []
    for right in order:
        found[right].extend(itertools.islice(branches[right], 1))
    for taken, branch in zip(found, branches, strict=True):
        assert [*taken, *branch] == list(range(count))


def test_a_single_slice_is_its_own_neighbour():
    assert list(windows(iter("a"))) == [("a", "a", "a")]
    assert list(windows(iter(""))) == []


def test_a_window_holds_three_slices_and_no_other():
    passed = []

    def slices():
        for _ in range(5):
            made = torch.zeros(1)
            passed.append(weakref.ref(made))
            yield made

    stream = windows(slices())
    next(itertools.islice(stream, 3, 3), None)
    assert [ref() is not None for ref in passed] == [False, True, True, True]
