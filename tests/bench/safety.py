"""What the safety of the store costs: an ingest with its digests and syncs against a plain zarr write."""

import statistics
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.bench.rounds import ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import WHOLE, Setting

MEGABYTES = 512


def safety(setting: Setting) -> Iterator[Row]:
    """Compare them on one volume, which is smaller where the scan is."""
    source = _volume(setting)
    sides = {
        side: lambda side=side: run(side, source=source, store=setting.fresh())
        for side in ("ingested", "unsafe")
    }
    found = rounds(setting.rounds, sides)
    size = f"{source.stat().st_size / 2**20:.0f} MB"
    yield Row(f"ingest of {size}", seconds(found["ingested"]), "s")
    yield Row(f"plain zarr write of {size}", seconds(found["unsafe"]), "s")
    busy, plainly = (statistics.median(one.found["busy"] for one in runs) for runs in found.values())
    yield Row("ingest against plain write, processors", busy / plainly, "of their time")
    yield Row(
        "ingest against plain write", ratio(found["ingested"], found["unsafe"]), "of its time", at_most=1.15
    )


def _volume(setting: Setting) -> Path:
    """Write a volume of whole numbers with noise, as scanners give it."""
    side = round((MEGABYTES * 2**20 / 2) ** (1 / 3) * setting.size / WHOLE)
    random = np.random.default_rng(0)
    z, y, x = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = (z * z + y * y + x * x < 0.8).astype(np.int16) * 900
    volume = inside + random.integers(0, 40, inside.shape, np.int16)
    path = setting.folder / "volume.nii"
    nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
    return path
