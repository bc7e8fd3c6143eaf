"""What the scanner shows of each tissue, and what the truth calls it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.simulate.tissues import (
    GAP,
    LABELS,
    LESION_LABEL,
    Tissue,
    brightness,
    random_brightness,
    truth,
)

BRAIN = [Tissue.WHITE, Tissue.CORTEX, Tissue.FLUID]


def test_every_tissue_has_a_truth_label():
    labels = truth(np.array(list(Tissue), dtype=np.uint8))
    assert set(labels.tolist()) == {*LABELS, LESION_LABEL}
    assert_array_equal(labels[BRAIN], [1, 2, 3])
    assert not labels[[Tissue.AIR, Tissue.BONE, Tissue.FAT, Tissue.MUSCLE, Tissue.EYE, Tissue.DURA]].any()


@pytest.mark.parametrize("seed", range(20))
def test_white_is_brightest_of_the_brain_in_t1_and_fluid_in_t2(seed):
    for contrast, order in (("T1", (1, -1)), ("T2", (-1, 1))):
        white, grey, fluid = brightness(contrast, np.random.default_rng(seed))[BRAIN]
        assert order[0] * white > order[0] * grey > order[0] * fluid, contrast


@pytest.mark.parametrize("seed", range(200))
def test_a_random_contrast_always_shows_a_difference_and_is_within_0_and_1(seed):
    values = random_brightness(np.random.default_rng(seed))
    assert values.min() >= 0
    assert values.max() <= 1
    assert np.diff(np.sort(values[BRAIN])).min() >= GAP - 1e-6
    deep, white, grey = values[[Tissue.DEEP_GREY, Tissue.WHITE, Tissue.CORTEX]]
    assert min(white, grey) - 1e-6 <= deep <= max(white, grey) + 1e-6


def test_random_contrasts_come_in_all_three_orders_and_never_with_grey_outside_of_them():
    orders = {
        tuple(np.argsort(random_brightness(np.random.default_rng(seed))[BRAIN]).tolist())
        for seed in range(100)
    }
    assert orders == {(0, 1, 2), (2, 1, 0), (2, 0, 1)}
