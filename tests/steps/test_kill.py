"""Predictions killed at any moment leave nothing that a reader accepts."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.errors import StoreError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.steps.ingest import ingest
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.verify import verify

KILLS = 30
EVERYTHING = (slice(None),) * 3


@pytest.fixture
def scan(tmp_path, toy_head):
    made = toy_head(4, (64, 64, 64))
    image = Image(made.image, Meaning(made.geometry))
    write_nifti(image, tmp_path / "scan.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "scan.nii", tmp_path / "scan.ome.zarr")
    return tmp_path / "scan.ome.zarr"


def start(scan, model, destination):
    command = [sys.executable, "-m", "medscience", "predict", scan, model, destination]
    # small blocks: many objects, so that many moments lie between two of them
    return subprocess.Popen([*map(str, command), "--tile", "24,24,24"], stderr=subprocess.DEVNULL)


def written(folder):
    """Return how many files of stores there are in a folder; one that is being renamed meanwhile is no error.

    What is left of a killed writer's lease does not count, or each kill would come as early as the last.
    """
    names = (name for _, _, files in os.walk(folder) for name in files)
    return sum(".lease" not in name for name in names)


def kill_at(process, arrived):
    """Kill a process as soon as the moment has come, or let it end."""
    while process.poll() is None and not arrived():
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_prediction_is_never_accepted_and_is_done_again_in_full(scan, tiny_model, tmp_path):
    undisturbed, store = tmp_path / "undisturbed/scan.ome.zarr", tmp_path / "killed/scan.ome.zarr"
    assert start(scan, tiny_model, undisturbed).wait() == 0
    whole = written(undisturbed.parent)
    staged = 0
    for enough in np.linspace(0, whole, KILLS).astype(int):
        # the moment is a state of the disk, not of the clock: the same on a busy machine
        process = start(scan, tiny_model, store)
        kill_at(process, lambda enough=enough: written(store.parent) >= enough)
        staged += any(store.parent.glob("*.staging-*"))
        try:
            found = open_image(store)
        except StoreError:
            continue
        assert verify(store) == []
        assert_array_equal(found.image.read(EVERYTHING), open_image(undisturbed).image.read(EVERYTHING))
        commit_path(store).unlink()
    assert staged >= KILLS // 2, "too few kills came while the store was being written"
    assert start(scan, tiny_model, store).wait() == 0
    assert open_image(store).commit.digest == open_image(undisturbed).commit.digest
    assert verify(store) == []
    left = {path.name for path in store.parent.iterdir() if not path.name.startswith(f".{store.name}.lease")}
    assert left == {store.name, commit_path(store).name}
