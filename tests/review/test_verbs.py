"""The verbs of review, on a project of two samples."""

import csv
import json
import shutil

import numpy as np
import pytest

from medscience.config.pairs import read_pairs
from medscience.config.settings import read_cohort
from medscience.errors import BatchError, ConfigError, InputError, MedscienceError, MismatchError
from medscience.report.collect import collect
from medscience.report.html import page
from medscience.review.ledger import Ledger
from medscience.review.queue import read_queue
from medscience.review.reviews import read_reviews
from medscience.steps import review
from medscience.steps.queue import queue
from medscience.store.images import open_image
from medscience.store.tables import read_table
from tests.conftest import REPOSITORY
from tests.review.conftest import WHOLE, two_boxes
from tests.review.project import MODEL, Project

BOX = (slice(6, 20), slice(6, 20), slice(6, 90))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("template"))
    for sample in ("s1", "s2"):
        made.add(sample)
    return made


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    shutil.copytree(template.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    made.configure(["s1", "s2"], patient="p", split="train")
    return made


def voxels_of(project, sample):
    table, stated = read_table(project.results / f"measurements/{MODEL}/{sample}.parquet")
    return {row["label"]: row["voxels"] for row in table.to_pylist()}, stated


def report_of(project):
    cohort = read_cohort(project.folder / "config/config.yaml")
    models = REPOSITORY / "config/models"
    reviews = read_reviews(project.results, project.corrections)
    return collect(cohort, project.results, models, project.folder / "config/config.yaml", reviews=reviews)


def test_a_correction_is_measured_reported_and_trained_with(project):
    before, _ = voxels_of(project, "s1")
    path = project.correct("s1", BOX, 2)
    after = two_boxes()
    after[BOX] = 2
    assert read_reviews(project.results).corrections == {(MODEL, "s1"): path.relative_to(project.folder)}
    stale = report_of(project)
    assert [failure.sample for failure in stale.failures] == ["s1"]  # its table is of the model's labels
    project.measure("s1", path)
    found, stated = voxels_of(project, "s1")
    assert found == {n: int((after == n).sum()) for n in (1, 2)} != before
    assert stated["correction"] == open_image(path).commit.digest

    report = report_of(project)
    assert report.failures == ()
    (case,) = report.reviewed
    was = two_boxes()
    assert case.edits.changed_voxels == (was != after).sum()
    for n in (1, 2):
        expected = 2 * ((was == n) & (after == n)).sum() / ((was == n).sum() + (after == n).sum())
        assert case.edits.dice[str(n)] == pytest.approx(expected)
    html = page(report, "cohort.tsv")
    for words in ("ada: accept-with-edits", "before: as the model made it", f"{case.edits.mean_dice:.3f}"):
        assert words in html
    corrected = next(result for result in report.results if result.sample.name == "s1")
    assert corrected.pictures.before != corrected.pictures.still

    project.say("s2")
    review.export(project.folder / "config/config.yaml", project.folder / "train.tsv")
    pairs = read_pairs(project.folder / "train.tsv")
    assert {pair.sample: pair.labels.as_posix() for pair in pairs} == {
        "s1": f"corrections/{MODEL}/s1/1.ome.zarr",
        "s2": f"results/labels/{MODEL}/s2.ome.zarr",
    }
    assert {(pair.patient, pair.split, pair.weight) for pair in pairs} == {("p", "train", 1.0)}


def test_what_was_rejected_is_in_no_table_and_said_with_its_reason(project):
    project.say("s1", "reject", reason="<b>moved</b>")
    report = report_of(project)
    assert {row["sample"] for row in report.measurements.to_pylist()} == {"s2"}
    assert report.rejected == 1
    html = page(report, "cohort.tsv")
    assert "&lt;b&gt;moved&lt;/b&gt;" in html
    assert "<b>moved" not in html
    project.say("s2", "defer")
    config = project.folder / "config/config.yaml"
    review.export(config, project.folder / "train.tsv")
    assert read_pairs(project.folder / "train.tsv") == ()


def test_a_verdict_on_labels_that_are_no_more_does_not_count(project):
    project.say("s1", "reject")
    for place in (f"labels/{MODEL}", f"predictions/{MODEL}", "images"):
        for path in (project.results / place).glob("s1.ome.zarr*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    project.add("s1", np.roll(two_boxes(), 1, axis=0))
    reviews = read_reviews(project.results)
    assert not reviews.rejected(MODEL, "s1")
    assert len(reviews.cases[MODEL, "s1"].outdated) == 1
    assert "does not count" in page(report_of(project), "t")


def test_a_sheet_for_training_wants_patients_and_agreement(project):
    config = project.configure(["s1", "s2"])
    project.say("s1")
    with pytest.raises(ConfigError, match=r"EXPORT-SHEET.*s1 has no patient.*s1 has no split"):
        review.export(config, project.folder / "train.tsv")
    project.configure(["s1", "s2"], patient="p")
    project.correct("s1", BOX, 2, reviewer="bob")
    review.export(config, project.folder / "train.tsv", split="test")
    assert read_pairs(project.folder / "train.tsv") == ()  # ada and bob do not agree
    project.say("s1", "accept", shown=shown_correction(project, "s1"))
    review.export(config, project.folder / "train.tsv", split="test")
    assert [pair.split for pair in read_pairs(project.folder / "train.tsv")] == ["test"]


def shown_correction(project, sample):
    from dataclasses import replace

    path = project.corrections / MODEL / sample / "1.ome.zarr"
    return replace(project.shown(sample), labels=open_image(path).commit.digest)


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_verdicts_and_corrections_of_another_lab_come_in_once(project, tmp_path_factory, monkeypatch, suffix):
    project.say("s2", reason="=cmd|' /C calc'!A0\nsecond line, with \"quotes\"\0", reviewer="bob")
    path = project.correct("s1", BOX, 2, reason="'@x")
    project.say("s1", "accept", shown=shown_correction(project, "s1"), reviewer="bob")
    config = project.folder / "config/config.yaml"
    review.export(config, project.corrections / f"all.{suffix}")
    there = tmp_path_factory.mktemp("there")
    shutil.copytree(project.results, there / "results")
    monkeypatch.chdir(there)
    for _ in range(2):
        review.import_reviews(project.corrections / f"all.{suffix}")
    with Ledger(project.ledger) as ours, Ledger(there / "corrections/ledger.db") as theirs:
        mine, copies = ours.entries(), theirs.entries()
    assert [e.verdict.reason for e in copies] == [e.verdict.reason for e in mine]
    assert [e.verdict.save_id for e in copies] == [e.verdict.save_id for e in mine]
    copied = read_reviews(there / "results").corrections[MODEL, "s1"]
    assert np.array_equal(open_image(copied).image.read(WHOLE), open_image(path).image.read(WHOLE))
    review.verify()


def test_a_spreadsheet_runs_nothing(project):
    for reason in ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"):
        project.say("s1", reason=reason)
    review.export(project.folder / "config/config.yaml", project.folder / "all.csv")
    with (project.folder / "all.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_a_correction_of_another_grid_is_refused_and_the_other_verdicts_are_taken(
    project, tmp_path_factory, monkeypatch, capsys
):
    project.correct("s1", BOX, 2)
    project.say("s2")
    review.export(project.folder / "config/config.yaml", project.corrections / "all.json")
    there = Project(tmp_path_factory.mktemp("there"))
    there.add("s1", two_boxes()[:-1])
    there.add("s2")
    monkeypatch.chdir(there.folder)
    with pytest.raises(BatchError, match="1 of 2 refused"):
        review.import_reviews(project.corrections / "all.json")
    assert "CORRECTION-PAIR" in capsys.readouterr().err
    with Ledger(there.ledger) as ledger:
        assert [entry.verdict.sample for entry in ledger.entries()] == ["s2"]
    assert not list((there.corrections / MODEL / "s1").glob("*.ome.zarr*"))


def test_an_altered_export_is_refused(project):
    project.say("s1")
    review.export(project.folder / "config/config.yaml", project.folder / "all.json")
    content = json.loads((project.folder / "all.json").read_text())
    content["verdicts"][0]["decision"] = "defer"
    (project.folder / "all.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not match its own digest"):
        review.import_reviews(project.folder / "all.json")


def test_the_list_says_who_decided_what_and_where_people_disagree(project, capsys):
    project.say("s1", reason="fine\nhere\u202e")
    project.say("s1", "reject", reviewer="bob")
    review.list_reviews()
    (line,) = capsys.readouterr().out.splitlines()
    for word in (MODEL, "s1", "reject", "0.4 min", "ada: accept", "bob: reject", "DISAGREE", "wrong side"):
        assert word in line
    review.list_reviews(form="json", sample="s2")
    assert json.loads(capsys.readouterr().out)["verdicts"] == []


def test_verify_names_a_correction_that_was_altered(project):
    path = project.correct("s1", BOX, 2)
    review.verify()
    shard = next(file for file in (path / "0/c").rglob("*") if file.is_file())
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(MedscienceError, match="STORE-ALTERED"):
        review.verify()


def test_a_blind_second_reader_is_compared_and_decides_nothing(project):
    project.correct("s1", BOX, 2)
    project.correct("s1", (slice(0, 3),) * 3, 1, reviewer="bob", blind=True)
    assert read_reviews(project.results).corrections[MODEL, "s1"].name == "1.ome.zarr"
    review.agreement(MODEL, project.folder / "readers.tsv")
    first, second = two_boxes(), two_boxes()
    first[BOX], second[:3, :3, :3] = 2, 1
    with (project.folder / "readers.tsv").open() as file:
        rows = {row["label"]: row for row in csv.DictReader(file, delimiter="\t")}
    for n, name in ((1, "a"), (2, "b")):
        a, b = first == n, second == n
        assert float(rows[name]["dice"]) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-6)
    assert (rows["a"]["first"], rows["a"]["second"]) == ("ada", "bob")


def test_another_images_correction_is_not_measured(project):
    path = project.correct("s1", BOX, 2)
    with pytest.raises(MismatchError, match="CORRECTION-PAIR"):
        project.measure("s2", path)


def test_the_queue_puts_the_outlier_first_with_its_place(project):
    shrunk = two_boxes()
    shrunk[shrunk == 2] = 1
    shrunk[15, 20, 40] = 2
    names = ["s1", "s2", "s3", "s4", "s5", "odd"]
    for name in names[2:]:
        project.add(name, shrunk if name == "odd" else None)
    config = project.configure(names)
    queue(config, MODEL, project.folder / "q.tsv")
    cases = read_queue(project.folder / "q.tsv")
    assert [case.rank for case in cases] == list(range(1, 7))
    assert cases[0].sample == "odd"
    assert cases[0].score > 0.5 > cases[1].score
    worst = cases[0].reasons[0]
    assert (worst.kind, "b of" in worst.text) == ("volume", True)
    expected = project.labels("odd").image.geometry.world((15, 20, 40))
    assert worst.place == pytest.approx(expected.tolist(), abs=1e-3)
