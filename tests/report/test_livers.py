"""Livers in the report: the table of lesions, what was missed, how a model does, LiTS's numbers beside."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.measure.lesions import LESIONS
from medscience.measure.livers import LIVERS
from medscience.report.collect import collect
from medscience.report.html import write_report
from medscience.report.recipe import commands
from medscience.steps.lesions import lesions
from medscience.steps.measure import measure
from tests.report.conftest import ONE_MILLIMETRE, Folder
from tests.steps.test_lesions import NAMES, write_scan
from tests.store.conftest import write


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two livers: in one a lesion of the reference is missed, in the other one is found that is not there."""
    results = tmp_path_factory.mktemp("livers") / "results"
    folder = Folder(results)
    for name in ("missing", "free"):
        image, truth = write_scan(results, name, affine=ONE_MILLIMETRE)
        found, reference = truth.copy(), truth.copy()
        if name == "missing":
            found[8, 12, 12] = 1
        else:
            reference[truth == 2] = 1
        folder.segment(name, labels=found, names=NAMES)
        paths = [results / f"{kind}/net/{name}.parquet" for kind in ("measurements", "lesions", "livers")]
        labels = results / f"labels/net/{name}.ome.zarr"
        told = write(
            results / f"references/{name}.ome.zarr", reference, is_labels=True, affine=ONE_MILLIMETRE
        )
        measure(labels, image, paths[0], reference=told)
        lesions(labels, image, *paths[1:], reference=told)
    return results


def cohort(*names):
    samples = tuple(Sample(name=n, track="liver_ct", source="x", reference="y") for n in names)
    return Cohort(settings=Settings(samples=Path("s.tsv"), models=Models(liver_ct=("net",))), samples=samples)


def collected(results, *names):
    return collect(cohort(*names), results, results.parent / "models", Path("config/config.yaml"))


def test_a_liver_has_its_lesions_and_what_was_missed(made):
    report = collected(made, "missing", "free")
    assert report.failures == ()
    missing, free = (result.liver for result in report.results)
    assert [(row["lesion"], row["voxels"]) for row in missing.lesions] == [(1, 45)]
    assert [row["voxels"] for row in missing.missed] == [1]
    assert len(free.lesions) == 2
    assert free.missed == ()
    assert [run.step for run in report.results[0].runs][-1] == "lesions"
    assert (report.lesions.schema, report.livers.schema) == (LESIONS, LIVERS)
    assert len(report.livers) == 2


def test_cases_without_lesions_stand_apart(made):
    ((model, scores),) = collected(made, "missing", "free").scores
    assert (model, scores.cases) == ("net", 2)
    assert (scores.lesion_free, scores.lesion_free_found) == (1, 1)
    assert scores.tumour_dice.samples == 1
    assert scores.tumour_dice.mean == pytest.approx(2 * 45 / (45 + 46))
    assert scores.tumour_dice_global == pytest.approx(2 * 45 / (45 + 46 + 46))
    assert (scores.any_overlap.precision, scores.any_overlap.recall) == (pytest.approx(1 / 3), 0.5)
    assert scores.half.recall_large == 1.0
    assert scores.lits["tumour_dice_per_case"] == pytest.approx((2 * 45 / (45 + 46) + 0) / 2)
    assert scores.lits["lesion_precision"] == pytest.approx(1 / 3)
    assert scores.lits["lesion_dice"] == 1.0


def test_the_page_shows_them_and_the_tables_lie_beside_it(made, tmp_path):
    report = collected(made, "missing", "free")
    write_report(report, tmp_path / "cohort.html")
    html = re.sub(r"\s+", " ", (tmp_path / "cohort.html").read_text("utf-8"))
    assert "1 lesion, 2.9 % of the liver" in html
    assert "the reference has 2, of which 1 is missed" in html
    assert "missed 2" in html
    assert "1 of 1" in html
    assert "surfaces of tumours, average (mm)" in html
    assert "<code>RMSE_Tumorburden</code>" in html
    for name, rows in (("lesions", 5), ("livers", 2)):
        with (tmp_path / f"cohort_{name}.tsv").open(newline="") as file:
            assert len(list(csv.DictReader(file, delimiter="\t"))) == rows


def test_commands_make_the_tables_again(made):
    result = collected(made, "missing").results[0]
    last = list(commands(result, cohort("missing").settings))[-1]
    assert last.startswith("medscience lesions results/labels/net/missing.ome.zarr")
    assert "--reference results/references/missing.ome.zarr" in last


@pytest.mark.parametrize("folder", ["lesions", "livers"])
def test_a_missing_table_is_a_failure_of_its_step_or_of_the_report(made, tmp_path, folder):
    copy = shutil.copytree(made, tmp_path / "results")
    (copy / f"{folder}/net/free.parquet").unlink()
    report = collected(copy, "missing", "free")
    assert [failure.sample for failure in report.failures] == ["free"]
    Folder(copy).fail("lesions", "free", "LESIONS-X  because", model="net")
    assert [(f.step, f.line) for f in collected(copy, "missing", "free").failures] == [
        ("lesions", "LESIONS-X  because")
    ]


def test_what_is_not_done_is_the_first_step_that_is_missing(made, tmp_path):
    from medscience.report.advance import advances

    copy = shutil.copytree(made, tmp_path / "results")
    (copy / "measurements/net/free.parquet").unlink()
    assert [failure.step for failure in collected(copy, "free").failures] == ["measure"]
    assert [advance.words for advance in advances(cohort("free"), copy)] == ["for measure"]
    (copy / "livers/net/missing.parquet").unlink()
    assert [advance.words for advance in advances(cohort("missing"), copy)] == ["for lesions net"]
    (copy / "livers/net/free.parquet").unlink()
    assert [failure.step for failure in collected(copy, "free").failures] == ["lesions"]
    assert [advance.words for advance in advances(cohort("free"), copy)] == ["for lesions net"]


def test_lesions_of_other_labels_are_outdated(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "results")
    for folder in ("lesions", "livers"):
        from medscience.store.tables import read_table, write_table

        path = copy / f"{folder}/net/free.parquet"
        table, stated = read_table(path)
        write_table(path, table, stated | {"labels": "0" * 64})
    (failure,) = collected(copy, "missing", "free").failures
    assert "REPORT-OUTDATED" in failure.line


def test_without_references_there_are_lesions_and_no_scores(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "results")
    image = copy / "images/free.ome.zarr"
    places = [copy / f"{kind}/net/free.parquet" for kind in ("lesions", "livers")]
    lesions(copy / "labels/net/free.ome.zarr", image, *places)
    report = collected(copy, "free")
    assert report.scores == ()
    assert report.failures == ()
    assert np.isnan(report.livers["liver_dice"].to_numpy(zero_copy_only=False)[0].astype(float))
    write_report(report, tmp_path / "cohort.html")
    assert "Livers against" not in (tmp_path / "cohort.html").read_text("utf-8")
