"""What happens to clusters: each cohort completes by itself, as in one process. `make slurm` runs them."""

import random
import subprocess
import time

import pytest

from tests.slurm.conftest import Cohort, clouds

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]

SAMPLES = PREEMPTIONS = 20


@pytest.fixture
def running(slurm, cohort):
    """A run of which a job has begun to write."""
    run = cohort.start("--group-components", "sample=2")
    slurm.wait(lambda: list(cohort.folder.glob("results/images/*.commit.json")), 300)
    yield run
    run.kill()
    run.wait()
    slurm.say("scancel", "--user=root")
    slurm.wait(lambda: not slurm.jobs("PENDING,RUNNING,COMPLETING"))


@pytest.fixture
def ends_well(running, cohort, monkeypatch):
    """Return a function that waits for the end."""

    def end():
        assert running.wait(1200) == 0, cohort.said()
        assert cohort.content() == cohort.run_here(monkeypatch)

    return end


def test_a_job_that_is_told_to_stop_half_a_minute_before_it_is_killed_goes_on_under_its_own_number(
    slurm, ends_well
):
    job = slurm.jobs("RUNNING")[0]
    slurm.say("scontrol", "requeue", job)  # as preemption does: SIGTERM, KillWait, SIGKILL, the queue again
    ends_well()
    assert "Restarts=1" in slurm.say("scontrol", "show", "job", job)


def test_a_node_is_drained_and_comes_back(slurm, ends_well):
    slurm.say("scontrol", "update", f"nodename={slurm.host}", "state=drain", "reason=test")
    time.sleep(10)
    slurm.say("scontrol", "update", f"nodename={slurm.host}", "state=resume")
    ends_well()


def test_the_controller_dies_and_is_started_again(slurm, ends_well):
    slurm.kill_controller()
    time.sleep(10)
    slurm.start_controller()
    ends_well()


def test_a_job_over_its_memory_gets_more_in_a_new_job(slurm, cohort, monkeypatch):
    steps = ("ingest", "predict", "postprocess", "measure")
    run = cohort.start("--set-resources", *(f"{step}:mem_mb=attempt * attempt * 200" for step in steps))
    assert run.wait(1200) == 0, cohort.said()
    assert cohort.content() == cohort.run_here(monkeypatch)
    states = slurm.say("squeue", "-h", "--states=all", "-o", "%m %T").split("\n")
    assert any(state.startswith("200M") and "COMPLETED" not in state for state in states)
    assert "800M COMPLETED" in states


def test_of_many_samples_that_are_preempted_at_random_all_complete(
    slurm, tmp_path, tmp_path_factory, monkeypatch
):
    """D-3. Each sample has a job of its own: what is redone is a step, and of that at most a block."""
    cohort = Cohort(tmp_path, clouds(tmp_path_factory.mktemp("many"), SAMPLES))
    chance, preempted = random.Random(0), 0
    run = cohort.start("--group-components", "sample=1")
    while preempted < PREEMPTIONS:
        time.sleep(chance.uniform(0, 10))
        jobs = slurm.wait(lambda: slurm.jobs("RUNNING") or [None] * (run.poll() is not None), 300)
        assert run.poll() is None, f"all was done after {preempted} preemptions"
        command = ["scontrol", "requeue", chance.choice(jobs)]
        preempted += subprocess.run(command, check=False).returncode == 0
    assert run.wait(1800) == 0, cohort.said()
    assert cohort.content() == cohort.run_here(monkeypatch)
