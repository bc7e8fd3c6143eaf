"""Where the time goes beside the network: loading before it, deciding, writing and exporting after it."""

import statistics
import time
from collections.abc import Iterator

from tests.bench.rounds import Run, run
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model20chan3cls"
AFTER = ("decide", "write", "export")
LOADING = ("start", "weights")


def export(setting: Setting) -> Iterator[Row]:
    """Measure the shares of one prediction and of its export as ``.nii.gz``, by a profile of the process."""
    runs = [_measured(setting) for _ in range(setting.rounds)]
    inference = statistics.median(one.found["inference"] for one in runs)
    yield Row(f"{MODEL}: inference", inference, "s")
    for part in AFTER:
        yield Row(f"{MODEL}: {part}", _share(runs, (part,), ("inference",)), "of inference")
    after = _share(runs, AFTER, ("inference",))
    yield Row(f"{MODEL}: decide, write and export", after, "of inference", at_most=0.15)
    whole = (*LOADING, "prepare", "inference", *AFTER)
    loading = _share(runs, LOADING, whole)
    yield Row(f"{MODEL}: load (Python, imports, weights)", loading, "of everything")
    prepare = _share(runs, ("prepare",), whole)
    yield Row(f"{MODEL}: prepare (grid, plan, the image's quantiles)", prepare, "of everything")


def _measured(setting: Setting) -> Run:
    shared = setting.shared(MODEL)
    return run("shares", setting.fresh(), **shared, precision="auto", asked_at=time.time())


def _share(runs: list[Run], parts: tuple[str, ...], whole: tuple[str, ...]) -> float:
    """The median, over runs, of what some parts take of others."""
    return statistics.median(
        sum(one.found[part] for part in parts) / sum(one.found[part] for part in whole) for one in runs
    )
