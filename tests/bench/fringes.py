"""Frames per second of the default detector and of the published network, side by side in each round."""

from collections.abc import Iterator

from tests.bench.rounds import ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

FRAMES = 64


def fringes(setting: Setting) -> Iterator[Row]:
    """Compare them on the same simulated frames, from frames in memory to antinodes."""
    sides = {
        name: lambda name=name: run("detected", network=name, frames=FRAMES, threads=setting.threads)
        for name in ("fringe", "spnet")
    }
    found = rounds(setting.rounds, sides)
    speed = FRAMES / seconds(found["fringe"])
    yield Row("fringe, 512 x 384", speed, "frames/s", at_least=30)
    yield Row("spnet, 512 x 384", FRAMES / seconds(found["spnet"]), "frames/s")
    yield Row("fringe against spnet", ratio(found["spnet"], found["fringe"]), "times faster", at_least=10)
