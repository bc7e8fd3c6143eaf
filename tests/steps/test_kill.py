"""Predictions killed at any moment leave nothing that a reader accepts."""

import random
import signal
import subprocess
import sys
import time

import pytest
from numpy.testing import assert_array_equal

from medscience.errors import StoreError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.simulate.head import simulate_head
from medscience.steps.ingest import ingest
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.verify import verify

KILLS = 30
EVERYTHING = (slice(None),) * 3


@pytest.fixture
def scan(tmp_path):
    made = simulate_head(4, shape=(64, 64, 64))
    image = Image(made.image, Meaning(made.geometry))
    write_nifti(image, tmp_path / "scan.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "scan.nii", tmp_path / "scan.ome.zarr")
    return tmp_path / "scan.ome.zarr"


def start(scan, model, destination):
    command = [sys.executable, "-m", "medscience", "predict", scan, model, destination]
    # small blocks: many objects, so that many moments lie between two of them
    return subprocess.Popen([*map(str, command), "--tile", "24,24,24"], stderr=subprocess.DEVNULL)


def test_a_killed_prediction_is_never_accepted_and_is_done_again_in_full(scan, tiny_model, tmp_path):
    undisturbed, store = tmp_path / "undisturbed/scan.ome.zarr", tmp_path / "killed/scan.ome.zarr"
    begun = time.monotonic()
    assert start(scan, tiny_model, undisturbed).wait() == 0
    duration = time.monotonic() - begun
    moments = random.Random(0)
    staged = committed = 0
    for _ in range(KILLS):
        process = start(scan, tiny_model, store)
        time.sleep(moments.uniform(0.4, 1.05) * duration)
        process.send_signal(signal.SIGKILL)
        process.wait()
        staged += any(store.parent.glob("*.staging-*"))
        try:
            found = open_image(store)
        except StoreError:
            continue
        assert verify(store) == []
        assert_array_equal(found.image.read(EVERYTHING), open_image(undisturbed).image.read(EVERYTHING))
        committed += 1
        commit_path(store).unlink()
    assert staged >= 3, "too few kills came while the store was being written"
    assert committed < KILLS
    assert start(scan, tiny_model, store).wait() == 0
    assert open_image(store).commit.digest == open_image(undisturbed).commit.digest
    assert verify(store) == []
    left = {path.name for path in store.parent.iterdir() if not path.name.startswith(f".{store.name}.lease")}
    assert left == {store.name, commit_path(store).name}
