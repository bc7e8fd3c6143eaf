import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from medscience.errors import MismatchError
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.measure.agreement import Agreement, agreement, summary
from medscience.measure.compare import compared
from medscience.measure.statistics import bootstrap, holm, paired

RANDOM = np.random.default_rng(0)
GRID = Geometry((70, 6, 5), ((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1)))


def test_a_bootstrap_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0.8, 0.1, 30)
        interval = bootstrap(values.tolist(), seed)
        held += interval.low <= 0.8 <= interval.high
    assert 0.88 <= held / 200 <= 0.99


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_mean_lies_in_its_interval(values):
    found = bootstrap(values)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found.mean == pytest.approx(np.mean(values))


def test_a_paired_test_is_scipys_and_sees_what_an_unpaired_one_would_not():
    first = RANDOM.uniform(0.2, 0.9, 20)
    second = first + RANDOM.uniform(0.0, 0.02, 20)
    found = paired(first.tolist(), second.tolist())
    assert found.p == wilcoxon(second - first).pvalue
    assert found.p < 0.001
    assert 0 < found.difference.low < found.difference.mean < found.difference.high
    assert paired(first.tolist(), first.tolist()).p == 1.0
    with pytest.raises(ValueError, match="not of the same samples"):
        paired([1.0], [1.0, 2.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(values):
    found = holm(values)
    assert all(a >= b - 1e-12 for a, b in zip(found, values, strict=True))
    assert max(found) <= 1
    order = np.argsort(values)
    assert (np.diff(np.array(found)[order]) >= 0).all()


def labels(values):
    return Image(values, Meaning(GRID))


def test_agreement_is_counted_where_someone_looked():
    truth = RANDOM.integers(0, 3, GRID.shape).astype(np.uint8)
    found = RANDOM.integers(0, 3, GRID.shape).astype(np.uint8)
    truth[:, 4:] = 255
    seen = agreement(labels(found), labels(truth), 3, 255)
    a, b = truth[:, :4], found[:, :4]
    for n in range(3):
        one, other = a == n, b == n
        assert seen.dice(n) == pytest.approx(2 * (one & other).sum() / (one.sum() + other.sum()))
        assert seen.mcc(n) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1])
        assert seen.volume_difference(n) == pytest.approx(abs(one.sum() - other.sum()) / one.sum())
    assert summary(seen, "dice") == pytest.approx((seen.dice(1) + seen.dice(2)) / 2)


def test_the_background_makes_the_dice_of_a_small_lesion_look_good():
    seen = Agreement(np.array([[9900, 40], [30, 30]]))
    assert summary(seen, "dice") == pytest.approx(2 * 30 / 130)
    assert summary(seen, "dice_with_background") > 0.7
    assert summary(seen, "mcc") == pytest.approx(seen.mcc(1))


def test_what_is_nowhere_has_no_dice():
    seen = Agreement(np.array([[10, 0, 0], [0, 5, 0], [0, 0, 0]]))
    assert seen.dice(2) is None
    assert seen.volume_difference(2) is None
    assert seen.mcc(2) == 0
    assert summary(seen, "dice") == 1


def test_two_models_are_compared_on_the_same_references_only():
    first = {f"s{n}": (f"r{n}", {"Lesion": 0.5 + n / 50, "Ghost": 0.1}) for n in range(8)}
    second = {name: (ref, {"Lesion": dices["Lesion"] + 0.1}) for name, (ref, dices) in first.items()}
    (row,) = compared(first, second, "b")
    assert (row.name, row.difference.samples) == ("Lesion", 8)
    assert row.difference.mean == pytest.approx(0.1)
    assert row.p_holm == row.p < 0.05
    second["s3"] = ("other", second["s3"][1])
    del second["s5"]
    with pytest.raises(MismatchError, match=r"COMPARE-SAMPLES .*s3, s5"):
        compared(first, second, "b")
