"""Our predict against MONAI's SlidingWindowInferer: same network, same weights, same scan."""

from collections.abc import Iterator
from functools import partial

from tests.bench.agreement import agreement
from tests.bench.rounds import Run, peak, ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model20chan3cls"
OVERLAPS = (0.5, 0.25)
FASTER = {"auto": 7.0, "float32": None}
DICE = {"auto": 0.998, "float32": 0.99999}
"""Asked of each precision, against the plain module on the whole volume."""


def sliding(setting: Setting) -> Iterator[Row]:
    """Compare both precisions with windows of 128 voxels a side that overlap by half, and by a quarter."""
    windows = {f"overlap {part}": partial(_slid, setting, part) for part in OVERLAPS}
    ours = {precision: partial(setting.ours, MODEL, precision) for precision in FASTER}
    found = rounds(setting.rounds, windows | ours)
    for window in windows:
        what = f"{MODEL}, SlidingWindowInferer, {window}"
        yield Row(f"{what}: time", seconds(found[window]), "s")
        yield Row(f"{what}: peak", peak(found[window]), "GiB")
        yield from agreement(what, setting, MODEL, found[window][-1].labels)
    for precision, faster in FASTER.items():
        runs, what = found[precision], f"{MODEL}, ours, {precision}, beside SlidingWindowInferer"
        yield Row(f"{what}: time", seconds(runs), "s")
        yield Row(f"{what}: peak", peak(runs), "GiB")
        for window in windows:
            yield Row(f"{what}: against {window}", ratio(found[window], runs), "times faster", faster)
        yield from agreement(what, setting, MODEL, runs[-1].labels, DICE[precision])


def _slid(setting: Setting, overlap: float) -> Run:
    labels = setting.folder / f"sliding-{overlap}.npy"
    return run("sliding", labels, **setting.shared(MODEL), overlap=overlap)
