from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.simulate.head import LABELS, simulate_head

SHAPE, SPACING = (48, 58, 48), (3.0, 3.0, 3.0)
SEEDS = range(5)


@pytest.fixture(scope="module")
def heads():
    """A few small heads."""
    return [simulate_head(seed, SHAPE, SPACING) for seed in SEEDS]


def test_the_same_seed_gives_the_same_head(heads):
    again = simulate_head(2, SHAPE, SPACING)
    assert_array_equal(again.image, heads[2].image)
    assert_array_equal(again.labels, heads[2].labels)
    assert again.geometry == heads[2].geometry


def test_no_two_seeds_give_the_same_shape_or_brightness(heads):
    assert len({head.labels.tobytes() for head in heads}) == len(heads)
    assert len({head.image.tobytes() for head in heads}) == len(heads)
    for one, other in pairwise(heads):  # more than noise at the border
        assert (one.labels != other.labels).mean() > 0.02


def test_making_a_head_does_not_depend_on_what_was_random_before(heads):
    np.random.default_rng(3).random(10)
    assert_array_equal(simulate_head(0, SHAPE, SPACING).labels, heads[0].labels)


def test_every_tissue_occurs_in_every_head_and_nothing_else(heads):
    for head in heads:
        values, counts = np.unique(head.labels, return_counts=True)
        assert values.tolist() == list(LABELS)
        assert counts.min() > 500
        assert head.labels.dtype == head.image.dtype == np.uint8


@pytest.mark.parametrize(
    "shape, spacing", [(SHAPE, SPACING), ((40, 60, 50), (3.5, 2.8, 3.0)), ((30, 88, 72), (5.0, 2.0, 2.0))]
)
def test_the_head_lies_in_the_world_as_documented(shape, spacing):
    head = simulate_head(0, shape, spacing)
    assert head.image.shape == head.labels.shape == head.geometry.shape == shape
    assert head.geometry.orientation == "SAR"  # z to the crown, y to the face, x to the right
    assert head.geometry.spacing == pytest.approx(spacing)
    assert head.geometry.shear == 0
    middle = head.geometry.world((np.array(shape) - 1) / 2)
    assert_allclose(middle, (0, 0, 0), atol=1e-9)
    step = head.geometry.world((1, 2, 3)) - head.geometry.world((0, 0, 0))
    assert_allclose(step, (3 * spacing[2], 2 * spacing[1], spacing[0]))
    assert set(np.unique(head.labels)) == set(LABELS)


def test_the_crown_is_up(heads):
    areas = np.array([(head.labels > 0).sum(axis=(1, 2)) for head in heads]).mean(axis=0)
    areas = areas[areas > 0]
    end = len(areas) // 5
    assert areas[:end].mean() > 1.2 * areas[-end:].mean()  # cut off below, round above


def test_white_matter_is_brighter_than_grey_and_grey_than_fluid_and_all_than_air(heads):
    for head in heads:
        white, grey, fluid = (head.image[head.labels == label].mean() for label in (1, 2, 3))
        air = head.image[:2].mean()
        assert white > grey + 10 > fluid + 20 > air + 30
        assert 100 < white < 220


def test_few_voxels_are_as_bright_as_the_type_holds(heads):
    assert all((head.image == 255).mean() < 0.02 for head in heads)


def test_the_brain_touches_no_border(heads):
    for head in heads:
        inner = head.labels[1:-1, 1:-1, 1:-1] > 0
        assert inner.sum() == (head.labels > 0).sum()


def test_noise_and_bias_differ_from_voxel_to_voxel_within_a_tissue(heads):
    assert all(head.image[head.labels == 1].std() > 2 for head in heads)
