import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medscience.report.distribution import ENOUGH, Distribution
from medscience.report.strip import HEIGHT, MARGIN, WIDTH, dot_size, dots

VOLUMES = st.lists(st.floats(0, 1e7), min_size=1, max_size=300)


@given(VOLUMES)
def test_percentile_and_z_score_are_scipys(volumes):
    distribution = Distribution(tuple(volumes))
    value = volumes[0]
    if len(volumes) < ENOUGH:
        assert distribution.percentile(value) is None
        assert distribution.z_score(value) is None
    else:
        assert distribution.percentile(value) == pytest.approx(
            stats.percentileofscore(volumes, value, "mean")
        )
        if np.std(volumes) > 1e-3:
            assert distribution.z_score(value) == pytest.approx(
                stats.zscore(volumes, ddof=1)[0], rel=1e-6, abs=1e-9
            )


def test_samples_that_are_all_alike_have_no_z_score():
    assert Distribution((5.0,) * 40).z_score(5.0) is None


@given(VOLUMES)
def test_every_sample_has_a_dot_inside_the_strip(volumes):
    half = dot_size(Distribution(tuple(volumes))) / 2
    places = [
        tuple(map(float, dot)) for dot in re.findall(r"M(\S+) (\S+)h0", dots(Distribution(tuple(volumes))))
    ]
    assert len(places) == len(volumes)
    for x, y in places:
        assert MARGIN - 0.01 <= x <= WIDTH - MARGIN + 0.01
        assert half - 0.01 <= y <= HEIGHT - half + 0.01


def test_equal_volumes_are_piled_up_and_not_hidden():
    places = re.findall(r"M(\S+) (\S+)h0", dots(Distribution((5.0,) * 9)))
    assert len(set(places)) == 9
