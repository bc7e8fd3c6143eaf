"""A cohort of 10,000 samples on 100 nodes, simulated from measured costs: what is busy, and what waits.

``python -m tests.bench.scale`` prints the table of docs/scale.md.
"""

import heapq
import math
import sys
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Run:
    """A cohort, a cluster, and what Snakemake's one main process costs."""

    samples: int = 10_000
    group: int = 8
    """Samples that share a job."""
    jobs: int = 500
    """That wait or run at a time."""
    slots: int = 100 * 16
    """Nodes of 32 cores, and two threads for a job."""
    work: float = 30.0
    """Seconds of a sample's steps."""
    start: float = 2.5
    """Seconds of a Snakemake process: one for the job, and one for each sample in it."""
    submit: float = 0.15
    """Seconds of the main process for a job: sbatch, in two threads."""
    finish: float = 0.35
    """Seconds for a job that is seen to have ended: Snakemake waits 0.1 s between the levels of a group."""
    finish_sample: float = 0.04
    """And for each sample in it: four outputs checked, four records written."""
    poll: float = 20.0
    """Seconds between two questions for all jobs."""

    @property
    def job_seconds(self) -> float:
        """Of one job on its node."""
        return self.start + self.group * (self.start + self.work)

    @property
    def overhead(self) -> float:
        """Part of a job's time that is not its samples' work."""
        return 1 - self.group * self.work / self.job_seconds


@dataclass(frozen=True)
class Found:
    """How it went."""

    hours: float
    submitted_per_minute: float
    """At its busiest."""
    busy: float
    """Part of the slots' time in which they worked."""
    main: float
    """Part of the time in which the main process had something to do."""


def simulate(run: Run) -> Found:
    """Let the main process submit, ask, and finish, one thing after the other."""
    left, out, now, worked, quickest = math.ceil(run.samples / run.group), [], 0.0, 0.0, 0.0
    total, free = left, [0.0] * run.slots
    while left or out:
        begun, submitted = now, 0
        while out and out[0] <= begun:
            heapq.heappop(out)
            now += run.finish + run.group * run.finish_sample
        while left and len(out) < run.jobs:
            now += run.submit
            end = max(heapq.heappop(free), now) + run.job_seconds
            heapq.heappush(free, end)
            heapq.heappush(out, end)
            left, submitted = left - 1, submitted + 1
        quickest = max(quickest, 60 * submitted / max(now - begun, run.poll))
        worked += now - begun
        now = max(now, begun + run.poll)
    return Found(now / 3600, quickest, total * run.job_seconds / (run.slots * now), worked / now)


def main() -> None:
    """Print a line for each setting."""
    base = Run()
    runs = {
        "as the profile has it, 500 jobs at a time": base,
        "jobs: 1600, as many as there is room for": replace(base, jobs=1600),
        "jobs: 100, as for a site nobody looked at": replace(base, jobs=100),
        "one sample a job": replace(base, group=1),
        "32 samples a job": replace(base, group=32),
        "samples of 10 minutes, one a job, 1600 jobs": replace(base, work=600, group=1, jobs=1600),
    }
    write = sys.stdout.write
    write(
        "| setting | jobs | hours | jobs handed in a minute | slots busy | main process busy | overhead |\n"
    )
    write("|---|---|---|---|---|---|---|\n")
    for name, run in runs.items():
        found, count = simulate(run), math.ceil(run.samples / run.group)
        write(
            f"| {name} | {count} | {found.hours:.1f} | {found.submitted_per_minute:.0f} | {found.busy:.0%} "
            f"| {found.main:.0%} | {run.overhead:.0%} |\n"
        )


if __name__ == "__main__":
    main()
