"""What a job of eight samples spends on no step of ours: on Snakemake, on a real Slurm of one node."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.row import Row
from tests.bench.setting import Setting
from tests.conftest import REPOSITORY
from tests.slurm.single_node import SingleNode, why_not

SAMPLES = 8
"""That share a job, as in the profile."""
MODEL = "model20chan3cls"
"""Published weights with which a sample of 256^3 takes about the 30 s that are asked for, on two cores."""
GLANCE = 0.1
"""Seconds between two looks at what runs."""


def overhead(setting: Setting) -> Iterator[Row]:
    """Look again and again, while the job runs, whether a step of ours does."""
    if reason := why_not():
        sys.stdout.write(f"overhead is left out: {reason}\n")
        return
    folder = _cohort(setting)
    with SingleNode() as slurm:
        run = _start(folder)
        slurm.wait(lambda: slurm.jobs("RUNNING") or run.poll() is not None, 600)
        begun, glances = time.perf_counter(), []
        while slurm.jobs("RUNNING"):
            glances.append(_is_at_work())
            time.sleep(GLANCE)
        seconds = time.perf_counter() - begun
        if run.wait(600):
            raise RuntimeError((folder / "said.txt").read_text("utf-8"))
    share = glances.count(False) / len(glances)
    yield Row(f"a job of {SAMPLES} samples on Slurm: steps of a sample", seconds / SAMPLES * (1 - share), "s")
    yield Row("and beside them, for each sample", seconds / SAMPLES * share, "s")
    yield Row("that is", share, "of the job", at_most=0.10)


def _cohort(setting: Setting) -> Path:
    folder = setting.folder / "overhead"
    (folder / "config").mkdir(parents=True)
    (folder / "config/models").symlink_to(setting.model(MODEL).parent.resolve())
    source = setting.scan.with_name("scan.nii.gz").resolve()
    rows = [f"s{n}\tbrain_mri\t{source}" for n in range(SAMPLES)]
    (folder / "config/samples.tsv").write_text("\n".join(["sample\ttrack\tsource", *rows]) + "\n", "utf-8")
    settings = f"samples: config/samples.tsv\nmodels: {{brain_mri: [{MODEL}]}}\nthreads: {setting.threads}\n"
    (folder / "config/config.yaml").write_text(settings, "utf-8")
    return folder


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles/slurm")]
    command += ["--default-resources", "slurm_partition=main", "--group-components", f"sample={SAMPLES}"]
    with (folder / "said.txt").open("wb") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)


def _is_at_work() -> bool:
    """Whether any process on this machine is one of our steps."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "--failure-record" in words and "bash" not in words[0]:
            return True
    return False
