"""Two workers of one thread against one: two samples at the same time, or one after the other."""

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.rounds import Run, ratio, rounds, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model20chan3cls"
PREDICT = (sys.executable, "-m", "medscience", "--log-level", "warning", "predict")


def workers(setting: Setting) -> Iterator[Row]:
    """Compare them with a network that is bound by arithmetic, whole processes, start included."""
    sides = {
        "one worker": lambda: _predicted(setting, at_once=1),
        "two workers": lambda: _predicted(setting, at_once=2),
    }
    found = rounds(setting.rounds, sides)
    for name, runs in found.items():
        yield Row(f"{MODEL}, two samples, {name}: time", seconds(runs), "s")
    faster = ratio(found["one worker"], found["two workers"])
    yield Row(f"{MODEL}, two workers against one", faster, "times faster", at_least=1.8)


def _predicted(setting: Setting, at_once: int) -> Run:
    """Predict both scans, so many at once."""
    model, images = setting.model(MODEL), [setting.scan, setting.noisy]
    options = ("--threads", "1", "--precision", "auto")
    commands = [[*PREDICT, image, model, setting.fresh(), *options] for image in images]
    begun = time.perf_counter()
    for first in range(0, len(commands), at_once):
        running = [subprocess.Popen(command) for command in commands[first : first + at_once]]
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError(f"medscience predict ended with {codes}")
    return Run(time.perf_counter() - begun)
