"""Reviews as an input of the workflow: exactly what they touch is made again."""

import re
import shutil

import pyarrow.parquet
import pytest

from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.review.project import MODEL, Project
from tests.workflow.test_cohort import page, run

pytestmark = pytest.mark.workflow

BOX = (slice(6, 20), slice(6, 20), slice(6, 90))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two samples, from images to tables, as the workflow knows them to be done."""
    made = Project(tmp_path_factory.mktemp("template"))
    shutil.copytree(REPOSITORY / "config/models", made.folder / "config/models")
    for sample in ("s1", "s2"):
        made.add(sample)
    return made


@pytest.fixture
def project(template, tmp_path):
    shutil.copytree(template.folder, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def planned(project):
    """How many jobs of each rule a run would have, and of which samples it would measure."""
    found = run(project.folder, "--dry-run")
    assert found.returncode == 0, found.stdout + found.stderr
    counts = dict(
        re.findall(r"^([a-z_]+) +(\d+)$", found.stdout.partition("\n\n")[0] + found.stdout, re.MULTILINE)
    )
    counts.pop("total", None)
    measured = re.findall(r"rule measure:.*?wildcards: model=\S+, sample=(\w+)", found.stdout, re.DOTALL)
    return {rule: int(count) for rule, count in counts.items()}, measured


def test_one_corrected_case_of_fifty_is_measured_again_and_no_other(project):
    names = ["s1", *(f"s{n}" for n in range(3, 52))]
    for name in names[1:]:  # what lies there is never opened
        for place in ("images", f"predictions/{MODEL}", f"labels/{MODEL}"):
            commit = project.results / place / f"{name}.ome.zarr.commit.json"
            shutil.copy(commit.with_name("s1.ome.zarr.commit.json"), commit)
        table = project.results / f"measurements/{MODEL}/{name}.parquet"
        shutil.copy(table.with_name("s1.parquet"), table)
    for made in ("report/cohort.html", "report/cohort.tsv", f"review/{MODEL}.tsv"):
        (project.results / made).parent.mkdir(parents=True, exist_ok=True)
        (project.results / made).touch()
    project.configure(names)
    touched = run(project.folder, "--touch")
    assert touched.returncode == 0, touched.stderr
    assert "Nothing to be done" in run(project.folder, "--dry-run").stdout
    project.correct("s1", BOX, 2)
    counts, measured = planned(project)
    assert measured == ["s1"]
    assert counts == {"measure": 1, "queue": 1, "report": 1, "all": 1}


def test_the_loop_from_a_correction_to_the_report_and_back(project):
    project.configure(["s1", "s2"])
    run(project.folder, "--touch")
    project.correct("s1", BOX, 2)
    done = run(project.folder)
    assert done.returncode == 0, done.stderr
    assert "s1" in (project.results / f"review/{MODEL}.tsv").read_text()
    html = page(project.folder)
    assert "ada: accept-with-edits" in html
    assert "before: as the model made it" in html
    stored = open_image(project.corrections / f"{MODEL}/s1/1.ome.zarr").image.read((slice(None),) * 3)
    rows = pyarrow.parquet.read_table(project.results / f"measurements/{MODEL}/s1.parquet").to_pylist()
    assert {row["label"]: row["voxels"] for row in rows} == {n: int((stored == n).sum()) for n in (1, 2)}

    project.say("s1", "reject", reviewer="bob")
    measured = (project.results / f"measurements/{MODEL}/s1.parquet").stat().st_mtime_ns
    assert run(project.folder).returncode == 0
    assert (project.results / f"measurements/{MODEL}/s1.parquet").stat().st_mtime_ns == measured
    table = (project.results / "report/cohort.tsv").read_text()
    assert "s2\t" in table
    assert "s1\t" not in table
    assert "reviewers disagree" in page(project.folder)


def test_a_ledger_that_was_altered_stops_the_run_before_any_job(project):
    project.configure(["s1"])
    project.say("s1")
    project.ledger.write_bytes(project.ledger.read_bytes()[:5000])
    found = run(project.folder)
    assert found.returncode == 1
    assert "LEDGER-" in found.stderr
