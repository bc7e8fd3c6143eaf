"""The workflow on a cohort with good and bad samples, as a user runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from medscience.steps.simulate import head
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.verify import verify
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.workflow


@pytest.fixture
def bare(tmp_path):
    """A working directory with the demo's model, and no scan."""
    (tmp_path / "config").mkdir()
    shutil.copytree(REPOSITORY / "config/models", tmp_path / "config/models")
    (tmp_path / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels:\n  brain_mri: [demo-head]\nmemory: 4G\n"
    )
    return tmp_path


@pytest.fixture
def project(bare):
    """A working directory with the demo's model and a simulated head."""
    head(bare / "scans", seed=31, count=1)
    return bare


def sheet(project, rows, columns="sample\ttrack\tsource"):
    lines = [columns, *("\t".join(row) for row in rows)]
    (project / "config/samples.tsv").write_text("\n".join(lines) + "\n")


def command(project, *arguments):
    parts = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
    parts += ["--cores", "2", "--directory", project, "--workflow-profile"]
    return [str(part) for part in [*parts, REPOSITORY / "profiles/default", *arguments]]


def run(project, *arguments):
    whole = command(project, *arguments)
    return subprocess.run(whole, capture_output=True, text=True, check=False, cwd=project)


def page(project):
    return (project / "results/report/cohort.html").read_text()


def test_one_missing_and_one_truncated_file_do_not_stop_the_good_sample(project):
    good = project / "scans/head-31.nii.gz"
    cut = project / "scans/cut.nii.gz"
    cut.write_bytes(good.read_bytes()[:200_000])
    sheet(
        project,
        [
            ("good", "brain_mri", str(good)),
            ("missing", "brain_mri", "/nowhere/scan.nii.gz"),
            ("cut", "brain_mri", str(cut)),
        ],
    )
    found = run(project)
    assert found.returncode == 1
    html = page(project)
    rows = pyarrow.parquet.read_table(project / "results/measurements/demo-head/good.parquet").to_pylist()
    for row in rows:
        assert f"{row['volume_mm3'] / 1000:.1f}" in html
    assert len(re.findall("INPUT-MISSING", html)) >= 1
    assert len(re.findall("NIFTI-DAMAGED", html)) >= 1
    assert "/nowhere/scan.nii.gz" in html
    assert "good" in (project / "results/report/cohort.tsv").read_text()
    assert verify(project / "results") == []

    # mended, the others are made, and what was done is kept
    before = open_image(project / "results/predictions/demo-head/good.ome.zarr").commit.record
    shutil.copy(good, cut)
    sheet(project, [("good", "brain_mri", str(good)), ("cut", "brain_mri", str(cut))])
    again = run(project)
    assert again.returncode == 0, again.stderr
    assert "NIFTI-DAMAGED" not in page(project)
    after = open_image(project / "results/predictions/demo-head/good.ome.zarr").commit.record
    assert after == before

    # nothing to do is nothing done
    idle = run(project)
    assert "Nothing to be done" in idle.stderr

    # a source that breaks later takes its old numbers with it
    cut.write_bytes(good.read_bytes()[:200_000])
    broken = run(project)
    assert broken.returncode == 1
    assert "NIFTI-DAMAGED" in page(project)
    table = (project / "results/report/cohort.tsv").read_text()
    assert "good" in table
    assert "cut\t" not in table


def test_a_reference_gives_dice_in_the_report(project):
    sheet(
        project,
        [("a", "brain_mri", "scans/head-31.nii.gz", "scans/head-31_labels.nii.gz")],
        "sample\ttrack\tsource\treference",
    )
    found = run(project)
    assert found.returncode == 0, found.stderr
    rows = pyarrow.parquet.read_table(project / "results/measurements/demo-head/a.parquet")
    labels, truth = (
        open_image(project / f"results/{name}/a.ome.zarr").image.read((slice(None),) * 3)
        for name in ("labels/demo-head", "references")
    )
    for row in rows.to_pylist():
        mine, other = labels == row["label"], truth == row["label"]
        assert row["dice"] == pytest.approx(2 * (mine & other).sum() / (mine.sum() + other.sum()))
        assert row["dice"] > 0
    assert "Dice" in page(project)


def test_with_snakemakes_own_notes_lost_a_partial_store_is_made_again(project):
    sheet(project, [("a", "brain_mri", "scans/head-31.nii.gz")])
    assert run(project).returncode == 0
    store = project / "results/labels/demo-head/a.ome.zarr"
    digest = open_image(store).commit.digest
    shutil.rmtree(project / ".snakemake")
    commit_path(store).unlink()
    next(store.rglob("c/*/*/*")).unlink()
    shutil.rmtree(project / "results/measurements")
    shutil.rmtree(project / "results/report")
    assert run(project).returncode == 0
    assert verify(store) == []
    assert open_image(store).commit.digest == digest


@pytest.mark.parametrize(
    "rows, words",
    [
        (
            [("../../x", "brain_mri", "a.nii"), ("b", "heart", "")],
            ["line 2", "line 3", "track", "source"],
        ),
        ([("x;touch PWN", "brain_mri", "a.nii")], ["line 2", "sample"]),
        ([("a", "brain_mri", "a.nii"), ("A", "brain_mri", "b.nii")], ["line 3", "already"]),
        ([("a", "liver_ct", "a.nii")], ["liver_ct", "no model"]),
    ],
    ids=["all faults at once", "shell", "case", "no model"],
)
def test_a_fault_of_the_sheet_stops_the_run_before_any_job(bare, rows, words):
    sheet(bare, rows)
    found = run(bare)
    assert found.returncode == 1
    for word in words:
        assert word in found.stderr
    assert not (bare / "results").exists()
    assert not list(bare.rglob("PWN"))


def test_text_in_the_sheet_never_reaches_a_shell(bare):
    names = ["$(touch PWN).nii.gz", "a'; touch PWN;'.nii", "`touch PWN`.nii", "a b&&touch PWN.nii"]
    sheet(bare, [(f"s{n}", "brain_mri", f"scans/{name}") for n, name in enumerate(names)])
    found = run(bare)
    assert found.returncode == 1
    assert not list(bare.rglob("PWN"))
    assert page(bare).count("INPUT-MISSING") >= len(names)


def test_a_setting_that_does_not_exist_is_refused_with_the_one_that_was_meant(bare):
    config = bare / "config/config.yaml"
    config.write_text(config.read_text() + "treads: 2\n__use_yte__: true\n")
    sheet(bare, [])
    found = run(bare)
    assert found.returncode == 1
    assert "did you mean 'threads'" in found.stderr
    assert "__use_yte__" in found.stderr


YTE = "__use_yte__: true\n__definitions__:\n  - import pathlib; pathlib.Path('PWN').touch()\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text, word", [(YTE, "__use_yte__"), (BOMB, "an alias")], ids=["code", "bomb"])
def test_settings_of_someone_else_are_never_read_by_snakemake(bare, text, word):
    sheet(bare, [])
    (bare / "theirs.yaml").write_text((bare / "config/config.yaml").read_text() + text)
    found = run(bare, "--config", "settings=theirs.yaml")
    assert found.returncode == 1
    assert word in found.stderr
    assert not (bare / "PWN").exists()


def test_settings_in_another_file_are_the_runs(bare):
    sheet(bare, [])
    (bare / "config/config.yaml").rename(bare / "other.yaml")
    assert run(bare, "--config", "settings=other.yaml").returncode == 0
    assert "other.yaml" in page(bare)
    for refused in (["--configfile", "other.yaml"], ["--config", "settings=other.yaml", "threads=2"]):
        found = run(bare, *refused)
        assert found.returncode == 1
        assert "--config settings=FILE" in found.stderr or "only settings=FILE is read" in found.stderr


def test_of_two_runs_in_one_folder_the_second_is_refused_and_the_first_is_not_harmed(bare):
    """T17. The first stands still while it holds the folder."""
    sheet(bare, [])
    first = subprocess.Popen(command(bare), cwd=bare, stderr=subprocess.PIPE, text=True)
    while first.poll() is None and not (bare / "results/run.lease").exists():
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    planned, second = run(bare, "--dry-run"), run(bare)
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate()
    assert first.returncode == 0, said
    assert planned.returncode == 0, planned.stderr
    assert second.returncode == 1
    assert re.search(rf"RUN-ACTIVE.*process {first.pid} on \S+ since 20\d\d-", second.stderr)
    assert page(bare)
    assert not (bare / "results/run.lease").exists()


def test_after_a_run_that_was_killed_the_next_one_needs_no_unlocking(bare):
    sheet(bare, [])
    first = subprocess.Popen(command(bare), cwd=bare, stderr=subprocess.PIPE, start_new_session=True)
    while first.poll() is None and not (bare / "results/run.lease").exists():
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert (bare / "results/run.lease").exists()
    assert run(bare).returncode == 0
    assert page(bare)


def test_a_model_that_is_not_there_is_named_before_any_job(bare):
    config = bare / "config/config.yaml"
    config.write_text(config.read_text().replace("demo-head", "nosuch"))
    sheet(bare, [("a", "brain_mri", "scans/head-31.nii.gz")])
    found = run(bare)
    assert found.returncode == 1
    assert "MODEL-MISSING" in found.stderr
    assert "demo-head" in found.stderr


def test_the_workflow_needs_no_activated_environment(project, monkeypatch):
    sheet(project, [("a", "brain_mri", "scans/head-31.nii.gz")])
    bare = [str(p) for p in ("/usr/local/bin", "/usr/bin", "/bin")]
    assert not any((Path(p) / "medscience").exists() for p in bare)
    monkeypatch.setenv("PATH", ":".join(bare))
    assert run(project).returncode == 0
