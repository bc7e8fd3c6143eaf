"""Ingest of a CT series against dcm2niix, which writes the same voxels as gzipped NIfTI."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.bench.rounds import Run, ratio, rounds, seconds
from tests.bench.row import Row
from tests.bench.setting import WHOLE, Setting
from tests.ingest.dicom_files import encoded, picture

SLICES, SIDE = 400, 512


def dicom(setting: Setting) -> Iterator[Row]:
    """Time both on the same files, as commands from start to end; without dcm2niix only ours."""
    slices = SLICES if setting.size == WHOLE else setting.size
    files = _series(setting.folder / "ct", slices)
    ours = [sys.executable, "-m", "medscience", "ingest", files, setting.folder / "ct.ome.zarr"]
    sides = {"ours": partial(_timed, ours, setting.folder)}
    if shutil.which("dcm2niix"):
        theirs = ["dcm2niix", "-z", "y", "-f", "ct", "-o", setting.folder, files]
        sides["theirs"] = partial(_timed, theirs, setting.folder)
    found = rounds(setting.rounds, sides)
    what = f"CT of {slices} x {SIDE} x {SIDE}"
    yield Row(f"{what}: ingest", seconds(found["ours"]), "s")
    if "theirs" in found:
        yield Row(f"{what}: dcm2niix -z y", seconds(found["theirs"]), "s")
        part = ratio(found["ours"], found["theirs"])
        yield Row(f"{what}: ingest against dcm2niix -z y", part, "of its time", at_most=1.0)


def _series(folder: Path, slices: int) -> Path:
    """A bright, noisy cylinder in air, 12 bits, one file a slice."""
    folder.mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    body = np.hypot(y, x) < 0.43 * SIDE
    for k in range(slices):
        values = np.where(body, random.normal(1060, 25, (SIDE, SIDE)), 0).astype(np.uint16)
        tags = {"ImagePositionPatient": [-200, -200, k], "BitsStored": 12, "HighBit": 11, "SliceThickness": 1}
        (folder / f"{k:04}.dcm").write_bytes(encoded(picture(values, RescaleIntercept=-1024, **tags)))
    return folder


def _timed(command: list[object], folder: Path) -> Run:
    for old in (*folder.glob("ct.ome.zarr*"), *folder.glob("ct.nii*")):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return Run(time.monotonic() - start)
