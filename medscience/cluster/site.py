"""A site: what its Slurm says of itself, and what of that matters to a run."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from medscience.doctor.command import ask, on_path
from medscience.doctor.finding import Finding, State
from medscience.errors import SystemFaultError
from medscience.machine.mounts import file_system, is_network

SECONDS = 10.0
"""How long a busy controller may take to answer."""
POLLS = 3
"""Rounds of questions for which a finished job must be remembered: by fewer Snakemake may miss its end."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition, as ``sinfo`` shows it."""

    name: str
    is_default: bool
    is_up: bool
    minutes: int | None
    """Longest time of a job; None where there is no limit."""
    cores: int
    """Of the smallest node."""
    memory_mb: int
    """Of the smallest node."""
    gres: str
    """Its GPUs and the like; empty if it has none."""
    nodes: int


@dataclass(frozen=True, slots=True)
class Site:
    """What was asked of Slurm, once."""

    config: Mapping[str, str]
    """Of ``scontrol show config``."""
    partitions: tuple[Partition, ...]
    accounts: bool
    """Whether there is slurmdbd, and it answers."""

    @property
    def remembers(self) -> int:
        """Seconds for which squeue knows a job that has ended."""
        number = re.match(r"\d+", self.config.get("MinJobAge", ""))
        return int(number[0]) if number else 0

    def partition(self, name: str | None) -> Partition | None:
        """Return the partition of a name, or the default one; None if there is no such."""
        wanted = (p for p in self.partitions if p.name == name or (name is None and p.is_default))
        return next(wanted, None)

    def has_gpus(self, name: str) -> bool:
        """Whether there is a partition of a name that has GPUs."""
        return any(p.name == name and "gpu" in p.gres for p in self.partitions)


def ask_site(environment: Mapping[str, str]) -> Site:
    """Return what Slurm says.

    Raises
    ------
    SystemFaultError
        If there is none here, or it does not answer.
    """
    config = dict(_pairs(_answer(["scontrol", "show", "config"], environment)))
    rows = _answer(["sinfo", "--noheader", "--format=%R|%P|%a|%l|%c|%m|%G|%D"], environment)
    partitions = tuple(_partition(row.split("|")) for row in rows.splitlines() if row.count("|") == 7)
    accounts = "slurmdbd" in config.get("AccountingStorageType", "")
    found = ask(["sacct", "--noheader"], environment, SECONDS) if accounts else None
    return Site(config, partitions, found is not None and not found.code)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The partitions that a user names."""

    partition: str | None = None
    """None for the site's own default."""
    gpu: str | None = None
    """None where no GPU is wanted."""


def findings(site: Site, wanted: Wanted, folder: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what matters of a site to a run in a folder, thing by thing."""
    yield _status(site)
    yield _partition_finding(site, wanted.partition)
    yield _gpus(site, wanted.gpu)
    yield _preemption(site)
    yield shared(folder, alone=sum(p.nodes for p in site.partitions) == 1)
    if "SLURM_CONF" in environment:
        found = "SLURM_CONF is set, which Snakemake's executor does not pass on to what runs in a job"
        fix = "ask for a link from /etc/slurm/slurm.conf to that file, on the nodes too"
        yield Finding("settings", State.WARNING, found, fix)


def shared(folder: Path, *, alone: bool, mounts: Path = Path("/proc/self/mountinfo")) -> Finding:
    """Whether all nodes see a folder; `alone` if there is only one."""
    kind = file_system(folder, mounts)
    if alone or is_network(kind):
        return Finding("file system", State.OK, f"{folder} on {kind}")
    found = f"{folder} is on {kind or 'an unknown file system'}, which other nodes may not see"
    return Finding("file system", State.WARNING, found, "go to a folder on the cluster's shared disk")


def _status(site: Site) -> Finding:
    if site.accounts:
        return Finding("job status", State.OK, "slurmdbd answers: asked by sacct")
    found = f"no slurmdbd: asked by squeue, which knows a finished job for {site.remembers} s"
    if site.remembers < 60:
        fix = "ask for a MinJobAge of 300, Slurm's own default: shorter, Snakemake may miss the end of a job"
        return Finding("job status", State.WARNING, found, fix)
    return Finding("job status", State.OK, found)


def _partition_finding(site: Site, wanted: str | None) -> Finding:
    partition = site.partition(wanted)
    names = ", ".join(p.name for p in site.partitions) or "none"
    if partition is None:
        found = f"{wanted} is none of {names}" if wanted else f"no default among {names}"
        return Finding("partition", State.MISSING, found, "name one with --partition")
    limit = f"{partition.minutes} min at most" if partition.minutes else "no time limit"
    found = (
        f"{partition.name}: {partition.nodes} nodes of {partition.cores} cores and "
        f"{partition.memory_mb / 1024:.0f} GiB or more, {limit}; there are {names}"
    )
    if not partition.is_up:
        return Finding("partition", State.WARNING, f"{found}; it is not up", "ask who runs the cluster")
    return Finding("partition", State.OK, found)


def _gpus(site: Site, wanted: str | None) -> Finding:
    having = {p.name: f"{p.name} ({p.gres})" for p in site.partitions if "gpu" in p.gres}
    there = ", ".join(having.values()) or "none"
    if wanted:
        if not site.has_gpus(wanted):
            return Finding("GPUs", State.MISSING, f"none in {wanted}; there are {there}", "name another")
        found = f"{having[wanted]}: predictions run there, one GPU each, if the settings say device: cuda"
        return Finding("GPUs", State.OK, found)
    if not having:
        return Finding("GPUs", State.ABSENT, "none; none is needed")
    return Finding("GPUs", State.OK, f"in {there}; to use them, name the partition with --gpu-partition")


def _preemption(site: Site) -> Finding:
    mode = site.config.get("PreemptMode", "OFF")
    if "CANCEL" in mode:
        found = f"PreemptMode is {mode}: Snakemake waits for ever for a job that is preempted so"
        fix = "choose a partition whose jobs are not preempted, or ask for PreemptMode=REQUEUE"
        return Finding("preemption", State.WARNING, found, fix)
    wait = site.config.get("KillWait", "30 sec")
    return Finding("preemption", State.OK, f"PreemptMode is {mode}, {wait} to end; 10 are needed")


def _partition(cells: list[str]) -> Partition:
    name, marked, state, limit, cores, memory, gres, nodes = cells
    return Partition(
        name,
        is_default=marked.endswith("*"),
        is_up=state == "up",
        minutes=minutes_of(limit),
        cores=int(cores.rstrip("+")),
        memory_mb=int(memory.rstrip("+")),
        gres="" if gres == "(null)" else gres,
        nodes=int(nodes),
    )


def minutes_of(limit: str) -> int | None:
    """Return the minutes of a time as Slurm writes it, None for one without end.

    >>> [minutes_of(text) for text in ("infinite", "1-02:00:00", "4:00:00", "30:00")]
    [None, 1560, 240, 30]
    """
    parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
    if not parts:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in parts.groups())
    return (24 * days + hours) * 60 + minutes


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign:
            yield key.strip(), value.strip()


def _answer(command: list[str], environment: Mapping[str, str]) -> str:
    if not on_path(command[0], environment):
        raise _silent(f"no {command[0]} here", "go to a login node of the cluster")
    answer = ask(command, environment, SECONDS)
    if answer is None:
        raise _silent(f"{command[0]} did not answer within {SECONDS:.0f} s", "ask who runs the cluster")
    if answer.code:
        raise _silent(f"{command[0]}: {answer.complaint[0]}", "ask who runs the cluster")
    return answer.said


def _silent(found: str, fix: str) -> SystemFaultError:
    return SystemFaultError("CLUSTER-SILENT", field="Slurm", found=found, expected="an answer", fix=fix)
