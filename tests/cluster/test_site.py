"""What is made of a site's answers."""

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from medscience.cluster.profile import PATH, profile
from medscience.cluster.site import Site, Wanted, ask_site, findings, shared
from medscience.doctor.finding import State
from medscience.errors import SystemFaultError
from medscience.steps.cluster import check

CONFIG = {"AccountingStorageType": "accounting_storage/none", "MinJobAge": "300 sec", "PreemptMode": "OFF"}
BASE = yaml.safe_load(Path("profiles/slurm/profile.yaml").read_text("utf-8"))


@pytest.fixture
def programs(tmp_path):
    """Return a function that makes an environment whose Slurm answers so."""

    def make(config=CONFIG, sinfo=(), sacct="exit 1"):
        text = "\n".join(f"{key} = {value}" for key, value in config.items())
        scripts = {"scontrol": f"cat <<END\n{text}\nEND", "sacct": sacct}
        scripts["sinfo"] = "cat <<END\n" + "\n".join(sinfo) + "\nEND"
        for name, script in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        return {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    return make


SINFO = (
    "short|short*|up|4:00:00|64+|257000+|(null)|90",
    "gpu|gpu|up|1-00:00:00|32|128000|gpu:a100:4|4",
    "forever|forever|down|infinite|8|64000|(null)|2",
)


def by_name(environment, wanted=None, gpu=None, folder=Path("/")):
    site = ask_site(environment)
    return {found.name: found for found in findings(site, Wanted(wanted, gpu), folder, environment)}


def test_partitions_limits_and_gpus_are_read(programs):
    site = ask_site(programs(sinfo=SINFO))
    assert [(p.name, p.minutes, p.cores, p.nodes) for p in site.partitions] == [
        ("short", 240, 64, 90),
        ("gpu", 1440, 32, 4),
        ("forever", None, 8, 2),
    ]
    found = by_name(programs(sinfo=SINFO))
    assert "short: 90 nodes of 64 cores and 251 GiB or more, 240 min at most" in found["partition"].found
    assert "gpu (gpu:a100:4)" in found["GPUs"].found


def test_status_is_asked_of_whoever_can_answer(programs):
    squeue = ask_site(programs(sinfo=SINFO))
    with_dbd = {**CONFIG, "AccountingStorageType": "accounting_storage/slurmdbd"}
    sacct = ask_site(programs(with_dbd, SINFO, sacct=":"))
    broken = ask_site(programs(with_dbd, SINFO, sacct="exit 1"))
    texts = [profile(site, site.partition("gpu")) for site in (squeue, sacct, broken)]
    status = [yaml.safe_load(text)["slurm-status-command"] for text in texts]
    assert status == ["squeue", "sacct", "squeue"]


def test_a_site_that_forgets_jobs_at_once_is_asked_often_enough_or_named(programs):
    site = ask_site(programs({**CONFIG, "MinJobAge": "12 sec"}, SINFO))
    seconds = yaml.safe_load(profile(site, site.partition("short")))[
        "slurm-init-seconds-before-status-checks"
    ]
    assert 3 * seconds <= 12
    assert by_name(programs({**CONFIG, "MinJobAge": "12 sec"}, SINFO))["job status"].state is State.WARNING


def test_as_many_samples_share_a_job_as_its_time_allows(programs):
    site = ask_site(programs(sinfo=SINFO))
    groups = [yaml.safe_load(profile(site, p))["group-components"] for p in site.partitions]
    assert groups == [[f"{kind}={n}" for kind in ("image", "gpu", "sample")] for n in (4, 8, 8)]


def test_predictions_go_to_the_partition_with_gpus_that_is_named(programs):
    site = ask_site(programs(sinfo=SINFO))
    made = yaml.safe_load(profile(site, site.partition("short"), "gpu"))
    assert made["default-resources"] == ["slurm_partition=short"]
    steps = ("predict", "restore", "train")
    assert made["set-resources"] == [f"{step}:slurm_partition=gpu" for step in steps]
    assert "set-resources" not in profile(site, site.partition("short"))
    assert (
        "gpu (gpu:a100:4): predictions run there" in by_name(programs(sinfo=SINFO), gpu="gpu")["GPUs"].found
    )
    for other in ("short", "nosuch"):
        assert by_name(programs(sinfo=SINFO), gpu=other)["GPUs"].state is State.MISSING


def test_the_carried_profile_is_that_of_a_site_nobody_looked_at(programs):
    site = ask_site(programs(sinfo=SINFO))
    made = yaml.safe_load(profile(site, site.partition("forever")))
    assert made | {"jobs": 100} == BASE | {"default-resources": ["slurm_partition=forever"]}


@pytest.mark.parametrize(
    "name, config, wanted, state, words",
    [
        ("partition", CONFIG, "nosuch", State.MISSING, "nosuch is none of short, gpu, forever"),
        ("partition", CONFIG, "forever", State.WARNING, "not up"),
        ("preemption", CONFIG | {"PreemptMode": "CANCEL"}, None, State.WARNING, "waits for ever"),
    ],
)
def test_traps_are_named(name, config, wanted, state, words, programs):
    found = by_name(programs(config, SINFO), wanted)[name]
    assert found.state is state
    assert words in found.found


def test_a_configuration_that_jobs_would_not_find_is_named(programs):
    environment = programs(sinfo=SINFO) | {"SLURM_CONF": "/opt/slurm.conf"}
    assert by_name(environment)["settings"].state is State.WARNING


def test_a_disk_of_one_node_is_told_from_one_that_all_see(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "40 22 0:40 / /scratch rw,relatime shared:5 - lustre mgs:/s rw\n"
        "41 22 0:41 / /home rw - fuse.beegfs home rw\n"
    )
    states = {f: shared(Path(f), alone=False, mounts=mounts).state for f in ("/scratch/x", "/home/x", "/tmp")}
    assert list(states.values()) == [State.OK, State.OK, State.WARNING]
    assert shared(Path("/tmp"), alone=True, mounts=mounts).state is State.OK


def test_without_a_cluster_it_is_one_line():
    with pytest.raises(SystemFaultError, match="no scontrol here"):
        ask_site({"PATH": "/nowhere"})


def test_a_site_has_no_default_partition_unless_it_says_so():
    assert Site({}, (), accounts=False).partition(None) is None


@pytest.mark.parametrize("name, written", [("gpu", True), ("short", False), ("nosuch", False)])
def test_no_profile_is_written_that_sends_predictions_where_no_gpu_is(
    name, written, programs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    context = SimpleNamespace(obj=programs(sinfo=SINFO))
    with suppress(SystemFaultError):
        check(context, gpu_partition=name, write=True)
    assert PATH.exists() == written
