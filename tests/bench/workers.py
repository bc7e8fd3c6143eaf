"""Two workers of one thread against one: on a scan that is cut into the same blocks, and on a further one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

from tests.bench.rounds import Run, ratio, rounds, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model20chan3cls"
PREDICT = (sys.executable, "-m", "medscience", "--log-level", "warning", "predict", "--batch")


def workers(setting: Setting) -> Iterator[Row]:
    """Compare them with a network that is bound by arithmetic: whole commands, and each further scan.

    Workers start once for a run. What a further scan takes is the difference of commands for two and for one.
    """
    sides = {
        f"{n} worker{'s' * (n > 1)}, {scans} scan{'s' * (scans > 1)}": partial(_predicted, setting, n, scans)
        for n in (1, 2)
        for scans in (1, 2)
    }
    found = rounds(setting.rounds, sides)
    for name, runs in found.items():
        yield Row(f"{MODEL}, {name}: time", seconds(runs), "s")
    alone, two_alone, shared, two_shared = found.values()
    what, faster = f"{MODEL}, two workers against one", ratio(alone, shared)
    yield Row(f"{what}, the whole command", faster, "times faster", at_least=1.8)
    further = [
        (b.seconds - a.seconds) / (d.seconds - c.seconds)
        for a, b, c, d in zip(alone, two_alone, shared, two_shared, strict=True)
    ]
    yield Row(f"{what}, each further scan", median(further), "times faster", at_least=1.8)


def _predicted(setting: Setting, number: int, scans: int) -> Run:
    """Predict the scan so often, in four blocks, so that both workers have as much to do."""
    side = -(-setting.size // 2)
    options = ("--threads", "1", "--precision", "auto", "--tile", f"{side},{side},{setting.size}")
    rows = ["image\tdest", *(f"{setting.scan}\t{setting.fresh()}" for _ in range(scans))]
    cohort = setting.folder / "cohort.tsv"
    cohort.write_text("\n".join(rows) + "\n", "utf-8")
    begun = time.perf_counter()
    subprocess.run([*PREDICT, cohort, setting.model(MODEL), *options, "--workers", str(number)], check=True)
    return Run(time.perf_counter() - begun)
