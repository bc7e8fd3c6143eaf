"""Two workers of one thread against one, on one scan that is cut into the same blocks."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import Run, ratio, rounds, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model20chan3cls"
PREDICT = (sys.executable, "-m", "medscience", "--log-level", "warning", "predict")


def workers(setting: Setting) -> Iterator[Row]:
    """Compare them with a network that is bound by arithmetic, whole commands, start included."""
    sides = {f"{n} worker{'s' * (n > 1)}": partial(_predicted, setting, n) for n in (1, 2)}
    found = rounds(setting.rounds, sides)
    for name, runs in found.items():
        yield Row(f"{MODEL}, {name}: time", seconds(runs), "s")
    faster = ratio(found["1 worker"], found["2 workers"])
    yield Row(f"{MODEL}, two workers against one", faster, "times faster", at_least=1.8)


def _predicted(setting: Setting, number: int) -> Run:
    """Predict the scan in four blocks, so that both workers have as much to do."""
    side = -(-setting.size // 2)
    options = ("--threads", "1", "--precision", "auto", "--tile", f"{side},{side},{setting.size}")
    command = [*PREDICT, setting.scan, setting.model(MODEL), setting.fresh(), *options]
    begun = time.perf_counter()
    subprocess.run([*command, "--workers", str(number)], check=True)
    return Run(time.perf_counter() - begun)
