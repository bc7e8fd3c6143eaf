"""Slurm: whether jobs can be handed in here, and whether their state can be asked for."""

from collections.abc import Mapping

from medscience.doctor.command import ask, on_path
from medscience.doctor.finding import Finding, State

NAME = "Slurm"
MINISTRY = "ask who runs the cluster"


def slurm(environment: Mapping[str, str], seconds: float = 2.0) -> Finding:
    """Whether there is a cluster, and whether it answers."""
    there = [program for program in ("sbatch", "squeue", "sinfo") if on_path(program, environment)]
    if not there:
        return Finding(NAME, State.ABSENT, "no sbatch here; runs stay on this machine")
    if len(there) < 3:
        fix = "install the whole of slurm-client"
        return Finding(NAME, State.WARNING, f"only {', '.join(there)} of sbatch, squeue and sinfo", fix)
    version = ask(["sbatch", "--version"], environment, seconds)
    if version is None or version.code:
        return Finding(NAME, State.WARNING, "sbatch does not say its version", MINISTRY)
    for program, options in (("squeue", ["--me", "--noheader"]), ("sinfo", ["--noheader", "--format=%R"])):
        answer = ask([program, *options], environment, seconds)
        if answer is None:
            found = f"{version.said}; {program} did not answer within {seconds:.0f} s"
            return Finding(NAME, State.WARNING, found, f"see whether the controller is up; {MINISTRY}")
        if answer.code:
            return Finding(NAME, State.WARNING, f"{version.said}; {program}: {answer.complaint[0]}", MINISTRY)
    partitions = sorted(set(answer.said.split())) if answer else []
    found = f"{version.said}, partitions {', '.join(partitions) or 'none'}"
    return _accounting(found, environment, seconds)


def _accounting(found: str, environment: Mapping[str, str], seconds: float) -> Finding:
    """Whether the state of finished jobs can be asked of sacct, as Snakemake does unless told otherwise."""
    answer = ask(["sacct", "--noheader"], environment, seconds) if on_path("sacct", environment) else None
    if answer is None or answer.code:
        fix = "set `slurm-status-command: squeue` in the profile: by sacct Snakemake would wait for ever"
        return Finding(NAME, State.WARNING, f"{found}; no accounting", fix)
    return Finding(NAME, State.OK, f"{found}; with accounting")
