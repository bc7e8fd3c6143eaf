"""Frames per second of the default detector and of the published network, side by side in each round."""

from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

FRAMES = 64


def fringes(setting: Setting) -> Iterator[Row]:
    """Compare them on the same simulated frames, from frames in memory to antinodes."""
    shared = {"frames": FRAMES, "threads": setting.threads}
    sides = {
        "fringe": partial(run, "detected", network="fringe", **shared),
        "spnet": partial(run, "detected", network="spnet", **shared),
        "plain": partial(run, "detected", network="spnet", plain=True, **shared),
    }
    found = rounds(setting.rounds, sides)
    speed = FRAMES / seconds(found["fringe"])
    yield Row("fringe, 512 x 384", speed, "frames/s", at_least=30)
    yield Row("spnet made fast by us", FRAMES / seconds(found["spnet"]), "frames/s")
    yield Row("spnet, the plain float32 module", FRAMES / seconds(found["plain"]), "frames/s")
    yield Row("fringe against the former", ratio(found["spnet"], found["fringe"]), "times faster")
    against = ratio(found["plain"], found["fringe"])
    yield Row("fringe against the plain module", against, "times faster", at_least=10)
