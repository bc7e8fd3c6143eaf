import time

import pytest

from medscience.doctor.finding import State
from medscience.doctor.slurm import slurm

GOOD = {
    "sbatch": "echo slurm 24.11.5",
    "squeue": ":",
    "sinfo": "printf 'long\\nshort\\nlong\\n'",
    "sacct": ":",
}
HANGS = "exec /bin/sleep 30"


def test_a_laptop_has_none_and_needs_none(machine):
    assert slurm(machine()).state is State.ABSENT


def test_a_cluster_names_its_version_and_partitions(machine):
    found = slurm(machine(GOOD))
    assert (found.state, found.found) == (State.OK, "slurm 24.11.5, partitions long, short; with accounting")


@pytest.mark.parametrize("program", ["squeue", "sinfo"])
def test_a_controller_that_does_not_answer_is_not_waited_for(program, machine):
    begun = time.monotonic()
    found = slurm(machine({**GOOD, program: HANGS}), seconds=1)
    assert time.monotonic() - begun < 10
    assert found.state is State.WARNING
    assert f"{program} did not answer within" in found.found
    assert "controller" in found.fix


def test_a_controllers_complaint_is_passed_on(machine):
    script = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"
    found = slurm(machine({**GOOD, "squeue": script}))
    assert found.state is State.WARNING
    assert "Unable to contact slurm controller" in found.found


@pytest.mark.parametrize(
    "sacct", [None, "echo 'Slurm accounting storage is disabled' >&2; exit 1", HANGS], ids=str
)
def test_without_accounting_snakemake_must_be_told_to_ask_squeue(sacct, machine):
    scripts = {name: script for name, script in {**GOOD, "sacct": sacct}.items() if script}
    found = slurm(machine(scripts), seconds=1)
    assert found.state is State.WARNING
    assert "slurm-status-command: squeue" in found.fix


def test_half_of_slurm_is_named(machine):
    found = slurm(machine({"sbatch": GOOD["sbatch"]}))
    assert found.state is State.WARNING
    assert "only sbatch" in found.found
