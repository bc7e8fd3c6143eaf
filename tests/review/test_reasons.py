"""What a run knows of its own weaknesses is found, at its place, and ranks as it should."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.measure.regions import Region
from medscience.review.places import MOST, SIDE, doubtful
from medscience.review.queue import Reason, ranked, read_queue, write_queue
from medscience.review.reasons import of_confidence, of_disagreement, of_seams, of_volumes, robust_z
from tests.review.conftest import AFFINE, LABELS, SHAPE, two_boxes

GRID = Meaning(Geometry(SHAPE, AFFINE))


@settings(max_examples=15)
@given(st.data())
def test_every_doubtful_voxel_is_counted_and_the_thickest_place_is_one_of_them(data):
    shape = tuple(data.draw(st.integers(1, 40)) for _ in range(3))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    mask = random.random(shape) < data.draw(st.sampled_from([0.0, 0.001, 0.1, 1.0]))
    found = doubtful(mask.__getitem__, shape)
    assert found.voxels == mask.sum()
    assert all(mask[place] for place in found.places)
    counts = Counter(tuple(at // SIDE for at in place) for place in np.argwhere(mask).tolist())
    named = [counts[tuple(at // SIDE for at in place)] for place in found.places]
    assert named == [count for _, count in counts.most_common(MOST)]


def image(voxels):
    return Image(voxels, GRID)


def test_low_confidence_leads_to_its_thickest_place():
    confidence = np.full(SHAPE, 255, np.uint8)
    confidence[20:26, 34:40, 100:106] = 100
    confidence[3, 3, 3] = 0
    first, second = of_confidence(image(confidence), image(two_boxes()))
    share = (6**3 + 1) / (two_boxes() > 0).sum()
    assert first.severity == pytest.approx(share / (share + 0.1))
    index = GRID.geometry.index(first.place)
    assert all(low <= at < high for at, low, high in zip(index, (20, 34, 100), (26, 40, 106), strict=True))
    assert second.severity == 0
    assert GRID.geometry.index(second.place) == pytest.approx([3, 3, 3], abs=1e-6)


def test_a_sure_network_is_no_reason():
    assert list(of_confidence(image(np.full(SHAPE, 255, np.uint8)), image(two_boxes()))) == []
    assert list(of_seams(None)) == list(of_seams(0.0)) == []
    assert list(of_disagreement(image(two_boxes()), LABELS, image(two_boxes()), LABELS, "m")) == []


def test_a_second_method_is_compared_by_names_whatever_its_numbers():
    mine, other = two_boxes(), two_boxes()
    other[10:14, 20:24, 20:24] = 0
    renamed = [label.model_copy(update={"value": 7 * label.value}) for label in LABELS]
    reason, *_ = of_disagreement(image(mine), LABELS, image(other * 7), renamed, "second")
    dice = [2 * ((mine == n) & (other == n)).sum() / ((mine == n).sum() + (other == n).sum()) for n in (1, 2)]
    assert f"{np.mean(dice):.3f}" in reason.text
    z, y, x = GRID.geometry.index(reason.place)
    assert 10 <= z < 14 and 20 <= y < 24 and 20 <= x < 24  # noqa: PT018
    strange = [label.model_copy(update={"name": f"other {label.name}"}) for label in LABELS]
    assert list(of_disagreement(image(mine), LABELS, image(other), strange, "second")) == []


def test_a_volume_is_held_against_its_cohort():
    region = Region(1, "a", 10, 20.0, 1.0, 2.0, 3.0)
    (reason,) = of_volumes([region], {1: [10.0, 10.0, 11.0, 9.0, 10.0, 20.0]})
    assert reason.place == (1.0, 2.0, 3.0)
    assert "above" in reason.text
    assert list(of_volumes([region], {1: [10.0, 20.0]})) == []  # too few to say
    assert robust_z(10.1, [10.0] * 6) == pytest.approx(0.5)  # no cohort is that alike


REASONS = st.builds(
    Reason,
    kind=st.sampled_from(["confidence", "seam", "volume"]),
    severity=st.integers(0, 10**6).map(lambda n: n / 10**6),
    text=st.text(st.characters(categories=["L", "N", "P"]), max_size=20),
    place=st.none() | st.tuples(*[st.integers(-(10**6), 10**6).map(lambda n: n / 1000)] * 3),
)


@settings(max_examples=30)
@given(
    found=st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), st.lists(REASONS, max_size=3))
)
def test_a_queue_comes_back_as_it_was_written_worst_first(tmp_path_factory, found):
    cases = ranked(found.items())
    assert [case.rank for case in cases] == list(range(1, len(found) + 1))
    assert all(a.score >= b.score for a, b in pairwise(cases))
    path = tmp_path_factory.mktemp("queue") / "q.tsv"
    write_queue(cases, path)
    assert read_queue(path) == cases
