"""The roof: the fastest matrix product, convolution and copy that this machine does in this run."""

import time
from collections.abc import Callable, Iterator

import torch

from tests.bench.row import Row
from tests.bench.setting import Setting

SIDE = 2048
"""Rows and columns of the matrices."""
CHANNELS, VOXELS = 64, 96
"""Of the convolution's image; voxels along a side."""
COPIED = 1 << 29
"""Bytes."""
REPEATS = 5

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def rates(threads: int) -> dict[str, float]:
    """Return operations, and bytes read and written by a copy, each second."""
    torch.set_num_threads(threads)
    found = {}
    with torch.inference_mode():
        for name, precision in PRECISIONS.items():
            a, b = torch.rand(2, SIDE, SIDE).to(precision)
            found[f"matrix product, {name}"] = 2 * SIDE**3 / _quickest(lambda a=a, b=b: a @ b)
            layer = torch.nn.Conv3d(CHANNELS, CHANNELS, 3, padding=1)
            layer = layer.to(precision, memory_format=torch.channels_last_3d)
            image = torch.rand(1, CHANNELS, *(VOXELS,) * 3).to(
                precision, memory_format=torch.channels_last_3d
            )
            work = 2 * 27 * CHANNELS**2 * VOXELS**3
            found[f"convolution, {name}"] = work / _quickest(lambda layer=layer, image=image: layer(image))
        source, target = torch.ones(2, COPIED, dtype=torch.uint8)
        found["copy"] = 2 * COPIED / _quickest(lambda: target.copy_(source))
    return found


def _quickest(work: Callable[[], object]) -> float:
    """Seconds of the quickest of a few repeats, after one that does not count."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def rows(setting: Setting) -> Iterator[Row]:
    """Say how high the roof is."""
    for name, rate in setting.rates.items():
        unit = "GB/s" if name == "copy" else "GFLOP/s"
        yield Row(f"roof: {name}", rate / 1e9, unit)
