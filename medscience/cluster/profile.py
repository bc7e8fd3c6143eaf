"""The profile that fits a site: what Snakemake is told so that nobody has to."""

from pathlib import Path

from medscience.cluster.site import POLLS, Partition, Site

PATH = Path("profiles/site/profile.yaml")
GROUP = 8
"""Samples that share a job where time allows."""
HOUR = 60
"""Minutes that a sample may take of a partition's limit."""
PATIENCE = 20
"""Seconds before a new job is first asked for."""

TEXT = """\
# Made by `medscience cluster check --write`: snakemake --workflow-profile site
executor: slurm
jobs: {jobs} # that wait or run at a time
retries: 3 # each in a job of its own, with more memory and time
keep-going: true # one bad sample never stops the cohort
keep-incomplete: true # a commit is whole or not there: of a group that fails, what is committed stays
nolock: true # a lease that dies with its run stands in its place: workflows/alone.smk
rerun-incomplete: true
show-failed-logs: true
latency-wait: 60 # seconds until a network file system shows what another node wrote
group-components: [image={group}, gpu={group}, sample={group}] # samples that share a job, one after the other
resources: [turn=1]
slurm-requeue: true # after preemption and node failure: finished blocks are kept
slurm-status-command: {status}
slurm-init-seconds-before-status-checks: {patience}
default-resources: [slurm_partition={partition}]
"""
ON_GPU = ("predict", "restore", "train")
"""Steps that use a GPU if the settings say `device: cuda`: in jobs of their own."""


def profile(site: Site, partition: Partition, gpu_partition: str | None = None) -> str:
    """Return the text of the profile."""
    elsewhere = ", ".join(f"{step}:slurm_partition={gpu_partition}" for step in ON_GPU)
    limit = partition.minutes or GROUP * HOUR
    slots = partition.nodes * max(partition.cores // 2, 1)
    text = TEXT.format(
        jobs=min(max(slots, 10), 500),
        group=min(max(limit // HOUR, 1), GROUP),
        status="sacct" if site.accounts else "squeue",
        patience=PATIENCE if site.accounts else max(min(PATIENCE, site.remembers // POLLS), 1),
        partition=partition.name,
    )
    return f"{text}set-resources: [{elsewhere}]\n" if gpu_partition else text
