"""Our predict against the module as PyTorch gives it: time, memory, agreement, distance to the roof."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import nn

from medscience.models.zoo import load
from medscience.store.images import open_image
from tests.bench.agreement import agreement
from tests.bench.rounds import Run, peak, ratio, rounds, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

BYTES = {"float32": 4, "bfloat16": 2}
"""Of a number, by the precision that a commit names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a precision."""

    faster: float
    """Times, against the plain module."""
    dice: float
    """Of every label."""


GOALS: Mapping[str, Mapping[str, Asked]] = {
    "model20chan3cls": {"auto": Asked(6.5, 0.998), "float32": Asked(3.0, 0.99999)},
    "model5_gw_ae": {"auto": Asked(8.0, 0.996)},
}


def against(name: str, setting: Setting) -> Iterator[Row]:
    """Compare every precision that a model has a goal for with the plain module."""
    ours = {precision: partial(setting.ours, name, precision) for precision in GOALS[name]}
    found = rounds(setting.rounds, {"plain": partial(setting.plain, name), **ours})
    plain = found["plain"]
    alone = float(np.median([one.found["network"] for one in plain]))
    yield Row(f"{name}, plain: time", seconds(plain), "s")
    yield Row(f"{name}, plain: time of module and argmax alone", alone, "s")
    yield Row(f"{name}, plain: peak", peak(plain), "GiB")
    for precision, asked in GOALS[name].items():
        runs, what = found[precision], f"{name}, ours, {precision}"
        yield Row(f"{what}: against plain", ratio(plain, runs), "times faster", asked.faster)
        yield Row(f"{what}: time", seconds(runs), "s")
        yield Row(f"{what}: peak", peak(runs), "GiB")
        yield from agreement(what, setting, name, runs[-1].labels, asked.dice)
        yield from _roofs(what, name, runs, setting)


def _roofs(what: str, name: str, runs: list[Run], setting: Setting) -> Iterator[Row]:
    """How near a prediction comes to what the machine can calculate, and to what it can copy.

    Work is what the network's weights ask for: a multiplication and an addition for each weight and voxel,
    and, for each layer, its input read and its output written once.
    """
    _, network = load(setting.model(name))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d)]
    stored = open_image(runs[-1].labels)
    voxels = np.prod(stored.image.shape)
    each = BYTES[stored.commit.provenance.settings["precision"]]
    work = 2 * voxels * sum(layer.weight.numel() for layer in layers)
    moved = each * voxels * sum(layer.in_channels + layer.out_channels for layer in layers)
    fastest = max(rate for kind, rate in setting.rates.items() if kind != "copy")
    yield Row(f"{what}: matrix rate", work / seconds(runs) / fastest, "of the roof")
    yield Row(f"{what}: copy rate", moved / seconds(runs) / setting.rates["copy"], "of the roof")
