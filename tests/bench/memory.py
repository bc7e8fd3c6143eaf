"""A volume of four times the memory that its prediction may take."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medscience.image import Meaning
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from tests.bench.rounds import GIB, peak, run
from tests.bench.row import Row
from tests.bench.setting import Setting
from tests.conftest import save_tiny_model

LIMIT = 640 << 20
"""Bytes; the process with its libraries takes half of it before it sees a voxel."""
SHAPE = (2560, 512, 512)
"""Of float32: 2.5 GiB, whatever the size that the other parts are run at."""


def memory(setting: Setting) -> Iterator[Row]:
    """Predict it with a small network whose context is short: the blocks count, not the convolutions."""
    image, model = setting.folder / "large.ome.zarr", save_tiny_model(setting.folder / "tiny")
    _write(image, open_image(setting.scan).image)
    limits = {"memory": f"{LIMIT >> 20}M", "threads": setting.threads, "precision": "auto"}
    ours = run("stored", setting.fresh(), image=image, model=model, **limits)
    size = math.prod(SHAPE) * np.dtype(np.float32).itemsize
    yield Row("large volume: its size", size / LIMIT, "of the limit", at_least=4)
    yield Row("large volume: peak", peak([ours]), "GiB", at_most=LIMIT / GIB)
    yield Row("large volume: time", ours.seconds, "s")
    yield Row("large volume: blocks", open_image(ours.labels).commit.record["plan"]["blocks"], "")


def _write(destination: Path, scan) -> None:
    """Write the scan again and again, side by side, until the volume is full."""
    voxels = scan.read((slice(None),) * 3).astype(np.float32)
    meaning = Meaning(scan.geometry.crop((0, 0, 0), SHAPE))
    with staged(destination, Provenance("bench", {}, {})) as staging:
        writer = ImageWriter(staging, Content.of(meaning), SHAPE, np.float32)
        for region in regions(SHAPE, writer.shards):
            at = (np.arange(part.start, part.stop) % n for part, n in zip(region, scan.shape, strict=True))
            writer.write(region, voxels[np.ix_(*at)])
        writer.finish()
