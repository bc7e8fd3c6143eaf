"""Simulated chests are frozen: the network was trained on some of them, and measured on others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.simulate.thorax.person import simulate_person

EDGES = (-1001, -950, -700, -300, -50, 30, 80, 200, 2000)
"""Hounsfield units."""
PEOPLE = {
    1: "27977 4948 3119 5982 3038 7408 1621 1203 13.466 1.3020 0.4020 14.3443 1.0760 0.0846",
    9001: "29811 4735 3266 4487 3140 7077 1602 1178 10.515 2.2970 0.5235 13.5878 0.8208 0.1088",
    9002: "25343 7149 3508 4149 3611 8489 1764 1283 8.818 1.2374 0.4668 12.6251 0.8710 0.0639",
    9003: "25562 6350 3449 4865 3544 8481 1758 1287 14.084 1.6382 0.6513 17.7509 1.0477 0.0783",
    9011: "28444 6029 3304 3305 3514 7712 1633 1355 11.351 2.1045 0.6456 17.0452 1.0692 0.0774",
    9012: "27284 5939 3291 4429 3344 7973 1824 1212 2.983 2.5803 0.4275 17.6646 1.1869 0.0535",
    9013: "26246 5005 3169 6529 3345 8064 1708 1230 4.699 1.5323 0.6452 10.6489 1.0312 0.0526",
    9021: "29102 5536 3187 3664 3273 7630 1709 1195 8.299 2.1461 0.7003 13.8202 0.9330 0.0688",
    9022: "29462 5674 3369 3084 3212 7553 1713 1229 11.380 2.3185 0.5638 18.0818 0.9859 0.0432",
    9023: "25098 6294 3260 4850 3732 8941 1797 1324 11.776 1.8515 0.4955 13.8836 1.0928 0.0736",
    9024: "27702 5759 3242 4723 3272 7683 1631 1284 11.875 2.3581 0.5377 13.5712 1.4000 0.0431",
    9025: "27492 4855 3032 6096 3311 7636 1603 1271 13.942 2.3917 0.3278 12.3276 0.7884 0.0542",
    9026: "29987 3789 3112 5545 2966 7133 1673 1091 12.917 2.0795 0.6992 12.3542 0.9243 0.0744",
}
"""Voxels of 8 mm between the edges, the tumour in mL, and what decides how the person breathes.

Of one that was learnt from, and of those that are or were measured.
"""


@pytest.mark.parametrize("seed", PEOPLE)
def test_people_are_those_that_the_network_was_trained_and_measured_on(seed):
    """Counts and not digests: processors differ in the last bit, which moves a few voxels at borders.

    A chest that is meant to change needs a new network: `make cbct4d-model`, `make cbct4d-accuracy`.
    """
    person = simulate_person(seed, (32, 36, 48), 8.0, 60.0)
    anatomy, motion, breath = person.anatomy, person.motion, person.breath
    counts = np.histogram(anatomy.hu, EDGES)[0]
    moves = (motion.sunk.max(), motion.risen.max(), breath.ends[5], breath.depths[5], breath.lag)
    wanted = np.array(PEOPLE[seed].split(), float)
    assert_allclose(counts, wanted[: len(counts)], rtol=0.003, atol=4)
    assert_allclose((anatomy.tumour.sum() * 0.512, *moves), wanted[len(counts) :], rtol=0.003)
