"""Predictions that are interrupted at any moment are gone on with, and end as if nothing had happened.

Every moment is a state of the disk, not of the clock: the process harms itself once a block is noted.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml

from medscience.description import read_model
from medscience.errors import MemoryPromiseError, StoreError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.inference.engine import precision_of
from medscience.inference.job import prepare
from medscience.models.zoo import load
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.ledger import Ledger
from medscience.store.verify import verify
from medscience.testing.phantoms import orientations

BLOCKS = 8
TILE = "24,24,24"

HARM = """
import hashlib, os, resource, signal, sys, time
from pathlib import Path
from medscience import cli
from medscience.inference.layers import Layers
from medscience.store.ledger import Ledger

harm, blocks, told = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
del sys.argv[1:4]
compute = Layers.__call__

def hang(wait):
    def hung(self, image, *tell):
        told.touch()
        wait()
        return compute(self, image, *tell)
    Layers.__call__ = hung

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def harmed(ledger):
    if harm == "kill":
        die()
    elif harm == "tear":
        with ledger.path.open("ab") as file:
            file.write(b'0123 {"block": [[0, 24], [')
        die()
    elif harm == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
    elif harm == "sleep":
        hang(lambda: time.sleep(600))
    elif harm == "compute":  # one call that lets no signal handler run before it ends
        hang(lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1))

def and_then(method):
    def both(self, *arguments):
        method(self, *arguments)
        if len(self.finished) == blocks:
            harmed(self)
    return both

Ledger.begin, Ledger.add = and_then(Ledger.begin), and_then(Ledger.add)
cli.main()
"""


class Crash(BaseException):
    """What nothing catches."""


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results" / "scan.ome.zarr"


@pytest.fixture
def undisturbed(scan, tiny_model, tmp_path):
    """The commit of a run that nothing interrupts."""
    path = tmp_path / "undisturbed" / "scan.ome.zarr"
    predict(scan, str(tiny_model), path, tile=TILE, threads=1)
    return open_image(path).commit


def harmed(harm, blocks, scan, model, store, *options):
    """Start a prediction that comes to harm once so many blocks are finished."""
    told = store.parent.with_name("told")
    command = [
        sys.executable,
        "-c",
        HARM,
        harm,
        blocks,
        told,
        "--failure-record",
        told.with_name("scan.json"),
    ]
    command += ["predict", scan, model, store, "--tile", TILE, "--threads", 1, *options]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    return process, told


def obey_permissions():
    """Let what this process executes next write only where it may, even if it is root's."""
    drop_from_bounding_set, override_permissions = 24, 1  # linux/prctl.h, linux/capability.h
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(drop_from_bounding_set, override_permissions, 0, 0, 0) == 0


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def interrupt(monkeypatch, after, scan, model, store, **options):
    """Interrupt a prediction of this process once so many blocks are finished."""

    def add(ledger, region, objects):
        noted(ledger, region, objects)
        if len(ledger.finished) == after:
            raise Crash

    noted = Ledger.add
    monkeypatch.setattr(Ledger, "add", add)
    with pytest.raises(Crash):
        predict(scan, str(model), store, threads=1, **options)
    monkeypatch.undo()


def left(store):
    return [path for path in store.parent.glob(f"{store.name}*") if not path.name.endswith(".lease")]


def shards(store):
    """How many blocks' shards there are on disk, noted or not."""
    return len(list(store.parent.glob("*.staging-*/0/c/*/*/*")))


def assert_gone_on_with(scan, model, store, undisturbed, blocks, times=1, **options):
    """A rerun does only what was not finished, and commits what an undisturbed run commits."""
    predict(scan, str(model), store, threads=1, **options)
    commit = open_image(store).commit
    assert commit.record["resumed"] == {"times": times, "blocks": blocks}
    assert replace(commit, record={}).to_bytes() == replace(undisturbed, record={}).to_bytes()
    assert verify(store) == []
    assert sorted(left(store)) == [store, commit_path(store)]


# Killed


@pytest.mark.parametrize(
    "harm, blocks", [("kill", 0), ("kill", 1), ("tear", 4), ("kill", 7), ("kill", BLOCKS)]
)
def test_a_killed_prediction_redoes_at_most_one_block(harm, blocks, scan, tiny_model, store, undisturbed):
    process, _ = harmed(harm, blocks, scan, tiny_model, store)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert shards(store) - blocks in (0, 1)
    with pytest.raises(StoreError, match="STORE-UNCOMMITTED"):
        open_image(store)
    times = min(blocks, 1)
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks, times, tile=TILE)


def test_one_that_is_killed_again_and_again_ends_all_the_same(
    scan, tiny_model, store, undisturbed, monkeypatch
):
    for after in (2, 3, 6):
        interrupt(monkeypatch, after, scan, tiny_model, store, tile=TILE)
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=6, times=3)


def test_a_damaged_shard_is_done_again(scan, tiny_model, store, undisturbed, monkeypatch):
    interrupt(monkeypatch, 5, scan, tiny_model, store, tile=TILE)
    shard = next(store.parent.glob("*.staging-*/0/c/0/1/0"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=4)


# What is kept, and what is not


@pytest.fixture
def long(tmp_path):
    """A scan that is cut along x, and what its blocks need."""
    shape = (32, 32, 130)
    values = np.random.default_rng(0).integers(0, 200, shape).astype(np.uint8)
    image = Image(values, Meaning(orientations(shape, (1.0, 1.0, 1.0))[0]))
    write_nifti(image, tmp_path / "long.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "long.nii", tmp_path / "long.ome.zarr")
    return tmp_path / "long.ome.zarr"


def needed(scan, model, block):
    """The memory that blocks need, as the command line takes it."""
    plan = prepare(open_image(scan).image, load(model), 1 << 40, block, precision_of("auto")).plan
    return f"{plan.predicted_bytes / 1024 + 1}K"


def test_a_first_model_looks_again_and_finds_the_same(long, tiny_model, store, tmp_path, monkeypatch):
    content = yaml.safe_load(tiny_model.read_text())
    content["input"]["crop"] = {"model": "tiny", "margin": 2}
    focused = tiny_model.with_name("focused.yaml")
    focused.write_text(yaml.safe_dump(content | {"name": "focused"}))
    path = tmp_path / "undisturbed" / "scan.ome.zarr"
    predict(long, str(focused), path, tile="32,32,64", threads=1)
    undisturbed = open_image(path).commit
    interrupt(monkeypatch, 2, long, focused, store, tile="32,32,64")
    assert_gone_on_with(long, focused, store, undisturbed, blocks=2)
    plan = open_image(store).commit.record["plan"]
    assert plan == undisturbed.record["plan"]
    assert plan["focus"] is not None


def test_blocks_are_kept_with_more_memory_and_with_less_as_long_as_they_fit(
    long, tiny_model, store, monkeypatch
):
    for memory in ("100G", needed(long, tiny_model, (32, 32, 64))):
        interrupt(monkeypatch, 1, long, tiny_model, store, tile="32,32,64")
        predict(long, str(tiny_model), store, threads=1, memory=memory)
        record = open_image(store).commit.record
        assert (record["plan"]["block"], record["resumed"]["blocks"]) == ([32, 32, 64], 1)
        commit_path(store).unlink()


def test_blocks_that_no_longer_fit_are_given_up(long, tiny_model, store, monkeypatch, caplog):
    interrupt(monkeypatch, 1, long, tiny_model, store, tile="32,32,128")
    with caplog.at_level("INFO", "medscience"):
        predict(long, str(tiny_model), store, threads=1, memory=needed(long, tiny_model, (32, 32, 64)))
    record = open_image(store).commit.record
    assert (record["plan"]["block"], record["resumed"]) == ([32, 32, 64], {"times": 0, "blocks": 0})
    assert "no longer fit: MEMORY-TOO-SMALL" in caplog.text
    assert "is begun afresh" in caplog.text
    assert verify(store) == []


def test_memory_for_no_block_at_all_costs_nothing_that_is_finished(
    scan, tiny_model, store, undisturbed, monkeypatch
):
    interrupt(monkeypatch, 3, scan, tiny_model, store, tile=TILE)
    with pytest.raises(MemoryPromiseError):
        predict(scan, str(tiny_model), store, threads=1, memory="300M")
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=3)


def test_a_tile_that_is_asked_for_goes_before_what_was_done_in_others(scan, tiny_model, store, monkeypatch):
    interrupt(monkeypatch, 3, scan, tiny_model, store, tile=TILE)
    predict(scan, str(tiny_model), store, threads=1, tile="24,24,48")
    record = open_image(store).commit.record
    assert (record["plan"]["block"], record["resumed"]["blocks"]) == ([24, 24, 48], 0)


def test_another_models_blocks_are_not_taken(scan, tiny_model, store, undisturbed, monkeypatch):
    other = tiny_model.with_name("other.yaml")
    other.write_text(tiny_model.read_text().replace("name: tiny", "name: other"))
    assert read_model(other).name == "other"
    interrupt(monkeypatch, 3, scan, other, store, tile=TILE)
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=0, times=0, tile=TILE)


def test_an_approximate_score_says_which_blocks_it_counts(scan, normed_model, store, monkeypatch):
    interrupt(monkeypatch, 3, scan, normed_model, store, tile=TILE)
    predict(scan, str(normed_model), store, threads=1)
    record = open_image(store).commit.record
    assert 0 < record["seam_score"] < 1
    assert "not counting the 3 blocks that were there" in record["warnings"][0]


# Told to stop


@pytest.mark.parametrize("hanging", ["sleep", "compute"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_one_that_is_told_to_stop_keeps_its_blocks_and_ends_in_ten_seconds(
    hanging, number, scan, tiny_model, store, undisturbed
):
    process, told = harmed(hanging, 2, scan, tiny_model, store)
    wait_for(told, process)
    begun = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 75
    assert time.monotonic() - begun < 10
    assert said.splitlines()[-1].startswith(f"STOPPED  signal: found {number.name}")
    assert json.loads(told.with_name("scan.json").read_text())["code"] == "STOPPED"
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=2)


def test_one_that_stalls_says_where_and_fails(scan, tiny_model, store, undisturbed):
    process, told = harmed("compute", 2, scan, tiny_model, store, "--stall", "0.05")
    _, said = process.communicate()
    assert process.returncode == 1
    assert "in hung" in said  # the stack of the thread that hangs
    assert said.splitlines()[-1].startswith("STALLED  progress: found nothing done for 0.05 minutes")
    assert json.loads(told.with_name("scan.json").read_text())["code"] == "STALLED"
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=2)


# Faults


def test_a_second_run_is_refused_and_says_who_is_at_work(scan, tiny_model, store, undisturbed):
    process, told = harmed("sleep", 2, scan, tiny_model, store)
    wait_for(told, process)
    with pytest.raises(StoreError, match=f"STORE-BUSY .*process {process.pid} on {socket.gethostname()}"):
        predict(scan, str(tiny_model), store, threads=1)
    assert process.poll() is None
    process.kill()
    process.communicate()
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=2)


def test_a_disk_that_is_full_costs_at_most_one_block(scan, tiny_model, store, undisturbed):
    process, _ = harmed("full", 3, scan, tiny_model, store)
    _, said = process.communicate()
    assert process.returncode == 1
    assert "SYSTEM-EFBIG" in said.splitlines()[-1]
    assert_gone_on_with(scan, tiny_model, store, undisturbed, blocks=3)


def test_a_destination_that_is_read_only_is_one_line(scan, tiny_model, store):
    store.parent.mkdir()
    store.parent.chmod(0o500)
    command = [str(part) for part in (sys.executable, "-m", "medscience", "predict", scan, tiny_model, store)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=obey_permissions)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith("SYSTEM-EACCES")
    assert "Traceback" not in found.stderr
    assert list(store.parent.iterdir()) == []


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_an_image_that_changes_while_it_is_read_is_an_error_and_costs_no_block(
    change, scan, tiny_model, store, tmp_path, monkeypatch
):
    image = shutil.copytree(scan, tmp_path / "image.ome.zarr")
    shutil.copy(commit_path(scan), commit_path(image))
    shard = image / "0/c/0/0/0"
    content = shard.read_bytes()
    noted = Ledger.add

    def add(ledger, region, objects):
        noted(ledger, region, objects)
        if len(ledger.finished) == 3:
            shard.unlink()
            if change == "replaced":
                shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    monkeypatch.setattr(Ledger, "add", add)
    with pytest.raises(StoreError, match=r"STORE-ALTERED .*a change while it was read"):
        predict(image, str(tiny_model), store, tile=TILE, threads=1)
    monkeypatch.undo()
    shard.write_bytes(content)
    predict(image, str(tiny_model), store, threads=1)
    assert open_image(store).commit.record["resumed"]["blocks"] == 3
