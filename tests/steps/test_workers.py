"""Processes that share a prediction's blocks find what one process finds, and nobody is lost with them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from medscience.errors import ModelError, WorkerError
from medscience.inference.link import Link
from medscience.inference.plan import Footprint, plan
from medscience.inference.workers import Workers
from medscience.steps.predict import predict
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.ledger import Ledger
from medscience.store.verify import verify
from medscience.testing.phantoms import orientations
from tests.sockets import heard, heard_elsewhere

TILE = "24,24,24"


class Crash(BaseException):
    """What nothing catches."""


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results" / "scan.ome.zarr"


def run(scan, model, store, workers, **options):
    predict(scan, str(model), store, tile=TILE, threads=1, workers=workers, **options)
    return open_image(store).commit


def content(commit):
    return replace(commit, record={}).to_bytes()


def children(pid):
    """Every process below another."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    found = {int(word) for path in threads for word in path.read_text("ascii").split()}
    return found.union(*(children(child) for child in found))


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_two_workers_find_what_one_process_finds_and_go_on_from_it(scan, tiny_model, store, tmp_path):
    one = run(scan, tiny_model, tmp_path / "one" / "scan.ome.zarr", 1, keep=["confidence"])
    two = run(scan, tiny_model, store, 2, keep=["confidence"])
    assert content(one) == content(two)
    assert verify(store) == []
    record = two.record
    assert record["plan"]["workers"] == 2
    assert one.record["plan"]["workers"] == 1


@pytest.mark.parametrize("first, then", [(2, 1), (1, 2)])
def test_a_rerun_with_other_workers_goes_on(first, then, scan, tiny_model, store, tmp_path, monkeypatch):
    def add(ledger, region, objects):
        noted(ledger, region, objects)
        if len(ledger.finished) == 3:
            raise Crash

    noted = Ledger.add
    monkeypatch.setattr(Ledger, "add", add)
    with pytest.raises(Crash):
        run(scan, tiny_model, store, first)
    monkeypatch.undo()
    found = run(scan, tiny_model, store, then)
    assert found.record["resumed"] == {"times": 1, "blocks": 3}
    assert content(found) == content(run(scan, tiny_model, tmp_path / "one" / "scan.ome.zarr", 1))


def die(region):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(region):
    raise ModelError("MODEL-NOT-FINITE", field="logits", found="NaN", expected="numbers", fix="look")


def test_deaths_and_errors_of_workers():
    regions = [(slice(n, n + 1),) for n in range(4)]
    with Workers() as workers:
        workers.start(2)
        with pytest.raises(ModelError, match="MODEL-NOT-FINITE  logits: found NaN"):
            list(workers.answers(fail, regions, int))
        with pytest.raises(WorkerError, match="WORKER-DIED"):
            list(workers.answers(die, regions, int))


def predicting(scan, model, store):
    command = [sys.executable, "-m", "medscience", "--log-level", "warning", "predict", scan, model, store]
    command += ["--tile", "8,8,8", "--threads", 1, "--workers", 2]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size > 300 for path in store.parent.glob("*.ledger-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    return process, children(process.pid)


def test_nobody_is_heard_off_loopback(scan, tiny_model, store):
    """S-4."""
    process, _ = predicting(scan, tiny_model, store)
    assert len(heard(process.pid)) >= 3  # a scheduler and two workers
    assert heard_elsewhere(process.pid) == set()
    process.kill()
    process.communicate()


def workers_of(pids):
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_killed_worker_costs_nothing(scan, tiny_model, store, tmp_path):
    process, below = predicting(scan, tiny_model, store)
    os.kill(workers_of(below)[0], signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert said == ""
    assert verify(store) == []
    predict(scan, str(tiny_model), tmp_path / "one" / "scan.ome.zarr", tile="8,8,8", threads=1)
    assert content(open_image(store).commit) == content(open_image(tmp_path / "one" / "scan.ome.zarr").commit)


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_no_worker_outlives_the_process_that_writes(number, code, scan, tiny_model, store):
    process, below = predicting(scan, tiny_model, store)
    begun = time.monotonic()
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code
    while any(map(is_alive, below)):
        assert time.monotonic() - begun < 10
        time.sleep(0.05)
    assert not commit_path(store).exists()


def test_the_promise_is_for_all_processes_together(scan, tiny_model, store):
    command = [sys.executable, "-m", "medscience", "predict", scan, tiny_model, store]
    command += ["--tile", TILE, "--threads", 1, "--workers", 2, "--memory", "2G"]
    subprocess.run([str(part) for part in command], check=True)
    record = open_image(store).commit.record
    assert record["peak_memory_bytes"] <= record["plan"]["predicted_bytes"] <= 2 << 30
    assert record["peak_memory_bytes"] > 600 << 20  # three processes with their libraries


def test_workers_get_blocks_unless_halos_cost_more_than_is_won():
    grid = orientations((256, 256, 256), (1.0, 1.0, 1.0))[0]
    link, held = Link(grid, grid), Footprint(100 << 20, 100)
    found = plan(link, (10,) * 3, held, 8 << 30, workers=2)
    assert (found.workers, found.blocks) == (2, 2)
    wide = plan(link, (128,) * 3, held, 8 << 30, workers=2)
    assert (wide.workers, wide.blocks) == (1, 1)
