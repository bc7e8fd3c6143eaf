"""Predictions on the GPUs of a cluster, which are pretended: Slurm hands them out, nothing is there."""

import os

import pytest

from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.pretend_gpu import NAME
from tests.slurm.conftest import SETTINGS, Cohort

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]

PRETEND = """
import os, sys
from pathlib import Path
if Path(sys.orig_argv[1]).name == "medscience":
    with open({told!r}, "a") as told:
        job, gpus = (os.environ.get(name) for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES"))
        print(next(word for word in sys.orig_argv if word in {verbs}), job, gpus, file=told)
    if "predict" in sys.orig_argv:
        import pytest
        from tests.pretend_gpu import install
        install(pytest.MonkeyPatch()).__enter__()
"""
VERBS = ("ingest", "predict", "postprocess", "measure", "report", "queue", "cluster")


@pytest.fixture
def on_gpus(tmp_path, scans, monkeypatch):
    """A cohort whose predictions find a pretend GPU, and whose commands tell what they were given."""
    told = tmp_path / "told.txt"
    settings = SETTINGS.replace("memory: 2G", "memory: 6G\ndevice: cuda\ngpu_memory: 1G")
    cohort = Cohort(tmp_path, scans[:2], settings)
    (tmp_path / "sitecustomize.py").write_text(PRETEND.format(told=str(told), verbs=VERBS))
    paths = [str(tmp_path), str(REPOSITORY), *os.environ.get("PYTHONPATH", "").split(":")]
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, paths)))
    return cohort, told


def test_a_prediction_starts_once_with_one_gpu_and_nothing_else_holds_one(slurm, on_gpus, medscience):
    cohort, told = on_gpus
    found = medscience(cohort.folder, "cluster", "check", "--gpu-partition", "gpu", "--write")
    assert "ok       GPUs             gpu (gpu:2): predictions run there" in found.stdout
    options = ("--set-resources", "predict:slurm_partition=gpu", "--group-components", "gpu=2", "image=2")
    run = cohort.start(*options)
    assert run.wait(600) == 0, cohort.said()
    starts = [line.split() for line in told.read_text().splitlines()]
    predictions = [(job, gpus) for verb, job, gpus in starts if verb == "predict"]
    assert len(predictions) == len(cohort.names)  # once each
    assert {gpus for _, gpus in predictions} <= {"0", "1"}
    jobs = {job for job, _ in predictions}
    assert len(jobs) == 1
    assert {gpus for verb, _, gpus in starts if verb not in ("predict", "cluster")} == {"None"}
    asked = {job: slurm.say("scontrol", "show", "job", job) for job in slurm.jobs("all")}
    assert all("Partition=gpu" in asked[job] and "TresPerJob=gres:gpu:1" in asked[job] for job in jobs)
    assert not any("gres:gpu" in text for job, text in asked.items() if job not in jobs)
    for name in cohort.names:
        commit = open_image(cohort.folder / f"results/predictions/tiny/{name}.ome.zarr").commit
        assert commit.provenance.settings["device"] == "cuda"
        assert commit.record["gpu"]["name"] == NAME
