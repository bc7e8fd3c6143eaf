"""Where samples stand, seen in the files that a run leaves behind."""

import json
import os
import time
from pathlib import Path

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.report.advance import State, advances
from medscience.store.commit import StoredObject
from medscience.store.lease import leased
from medscience.store.ledger import Ledger

STEPS = ("images", "predictions/m", "labels/m")


def cohort_of(names, models=("m",)):
    samples = tuple(Sample(name=name, track="brain_mri", source="x.nii") for name in names)
    return Cohort(settings=Settings(samples="s.tsv", models=Models(brain_mri=models)), samples=samples)


def commit(results, folder, name):
    path = results / folder / f"{name}.ome.zarr.commit.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def table(results, name, model="m"):
    path = results / f"measurements/{model}/{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def fail(results, step, name, code):
    path = results / "failed" / step / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"line": f"{code}  scan.nii: found this, expected that"}))


def advance(results, models=("m",)):
    (found,) = advances(cohort_of(["a"], models), results)
    return found.state, found.words


def test_a_sample_goes_from_step_to_step_until_it_is_measured(tmp_path):
    steps = ("ingest", "predict m", "postprocess m")
    for step, folder in zip(steps, STEPS, strict=True):
        assert advance(tmp_path) == (State.WAITING, f"for {step}")
        commit(tmp_path, folder, "a")
    assert advance(tmp_path) == (State.WAITING, "for measure")
    table(tmp_path, "a")
    assert advance(tmp_path) == (State.DONE, "")


def test_a_writer_that_lives_is_running_and_its_finished_blocks_are_counted(tmp_path):
    commit(tmp_path, "images", "a")
    store = tmp_path / "predictions/m/a.ome.zarr"
    store.parent.mkdir(parents=True)
    with leased(store):
        assert advance(tmp_path) == (State.RUNNING, "predict m")
        ledger = Ledger(store.with_name("a.ome.zarr.ledger-0123"), (8, 8, 8))
        ledger.begin()
        for start in (0, 8):
            ledger.add((slice(start, start + 8),) * 3, {f"c/{start}": StoredObject(1, "0")})
        assert advance(tmp_path) == (State.RUNNING, "predict m, 2 blocks finished")
    assert advance(tmp_path) == (State.WAITING, "for predict m")


def test_a_writer_on_another_host_lives_by_its_heartbeat(tmp_path):
    lease = tmp_path / "images/a.ome.zarr.lease"
    lease.parent.mkdir()
    holder = {"host": "node7", "boot": "b", "pid": 1, "started": "1", "token": "t"}
    lease.write_text(json.dumps(holder))
    assert advance(tmp_path) == (State.RUNNING, "ingest")
    silent = time.time() - 600
    os.utime(lease, (silent, silent))
    assert advance(tmp_path) == (State.WAITING, "for ingest")


def test_what_failed_says_why_and_what_was_stopped_goes_on(tmp_path):
    fail(tmp_path, "ingest", "a", "NIFTI-DAMAGED")
    assert advance(tmp_path) == (State.FAILED, "NIFTI-DAMAGED  scan.nii: found this, expected that")
    fail(tmp_path, "ingest", "a", "STOPPED")
    assert advance(tmp_path) == (State.WAITING, "for ingest, which was stopped")


def test_of_two_models_the_one_that_is_not_done_is_told(tmp_path):
    commit(tmp_path, "images", "a")
    table(tmp_path, "a", "m")
    assert advance(tmp_path, ("m", "n")) == (State.WAITING, "for predict n")


def test_a_thousand_samples_take_less_than_two_seconds(tmp_path):
    names = [f"s{n}" for n in range(1000)]
    for n, name in enumerate(names):
        for folder in STEPS[: n % 4]:
            commit(tmp_path, folder, name)
        if n % 4 == 3:
            table(tmp_path, name)
        if n % 4 == 0:
            fail(tmp_path, "ingest", name, "NIFTI-DAMAGED")
    cohort = cohort_of(names)
    begun = time.process_time()
    found = list(advances(cohort, Path(tmp_path)))
    assert time.process_time() - begun < 1
    assert [s.state for s in found[:4]] == [State.FAILED, State.WAITING, State.WAITING, State.DONE]
