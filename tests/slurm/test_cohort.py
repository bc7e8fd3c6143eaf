"""The same cohort through a real Slurm as in one process, on one node that is started for it."""

import subprocess
import sys

import pytest

from medscience.cluster.forecast import read_forecasts
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from tests.sockets import command_lines, heard_elsewhere, speaks_tls

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]


def test_a_cohort_whose_jobs_are_cancelled_ends_as_in_one_process(slurm, cohort, monkeypatch):
    run = cohort.start("--group-components", "sample=2")
    images = cohort.folder / "results/images"
    committed = slurm.wait(lambda: list(images.glob("*.commit.json")), 300)[0]
    before = committed.read_bytes()
    cancelled = slurm.jobs("RUNNING")
    slurm.say("scancel", *cancelled)
    assert run.wait(600) == 0, cohort.said()
    assert set(cancelled) <= set(slurm.jobs("CANCELLED"))
    assert committed.read_bytes() == before  # with its times: what is done is not done again
    assert cohort.content() == cohort.run_here(monkeypatch)
    asked = {slurm.say("squeue", "-h", "--states=all", "-j", job, "-o", "%m") for job in slurm.jobs("all")}
    forecast = next(iter(read_forecasts(cohort.folder / "results/forecast.tsv").values()))
    assert {
        f"{(forecast.predict_mb + 400) * attempt}M\n" for attempt in (1, 2)
    } < asked  # more the second time


def test_the_site_is_found_and_a_profile_written_that_fits(slurm, cohort, medscience):
    found = medscience(cohort.folder, "cluster", "check", "--partition", "main", "--write")
    assert found.returncode == 0, found.stderr
    assert "ok       job status       no slurmdbd: asked by squeue" in found.stdout
    text = (cohort.folder / "profiles/site/profile.yaml").read_text()
    assert "slurm-status-command: squeue" in text
    assert "slurm_partition=main" in text
    refused = medscience(cohort.folder, "cluster", "check", "--partition", "nosuch")
    assert refused.returncode == 1
    assert "nosuch is none of main" in refused.stdout


def test_workers_on_nodes_find_what_one_process_finds_and_talk_over_tls(slurm, cohort, scans):
    image = cohort.folder / "image.ome.zarr"
    ingest(scans[0], image)
    command = [sys.executable, "-m", "medscience", "--log-level", "warning", "predict", image, "tiny"]
    options = ["--threads", 1, "--precision", "float32", "--tile", "16,16,16"]
    stores = [cohort.folder / name / "p.ome.zarr" for name in ("one", "many")]
    nodes = ["--cluster", "slurm", "--partition", "main", "--workers", 2]

    def workers():
        lines = command_lines("distributed.cli.dask_worker")
        return [words for words in lines if str(cohort.folder) in words]

    for store, more in zip(stores, ([], nodes), strict=True):
        whole = [str(part) for part in [*command, store, *options, *more]]
        with subprocess.Popen(whole, cwd=cohort.folder, stderr=subprocess.PIPE, text=True) as run:
            if more:
                started = slurm.wait(workers)
                assert all("tls://" in words for words in started)
                places = heard_elsewhere(run.pid)
                assert places
                assert all(speaks_tls(place) for place in places)
            _, said = run.communicate(timeout=300)
        assert run.returncode == 0, said
    assert open_image(stores[0]).commit.digest == open_image(stores[1]).commit.digest
    assert [path.name for path in stores[1].parent.iterdir() if "keys" in path.name] == []
    slurm.wait(lambda: not slurm.jobs("RUNNING"))
