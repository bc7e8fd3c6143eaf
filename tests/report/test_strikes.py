"""Struck pans in the report: what was measured, what was not seen, and nothing of another track."""

import csv
import re
import shutil

import pytest

from medscience.measure.notes import NOTES
from medscience.report.collect import collect
from medscience.report.html import page, write_report
from medscience.report.recipe import strike_commands
from tests.report.browser import launched
from tests.report.conftest import Folder
from tests.report.strikes import cohort_of_strikes, finish, heard

PAIR = ("good", "heard")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("strikes") / "results"
    finish(results, "good", told={"wavelength_nm": 532.0})
    heard(results, "heard")
    return results


@pytest.fixture
def copy(results, tmp_path):
    return shutil.copytree(results, tmp_path / "results")


def collected(results, *names):
    return collect(
        cohort_of_strikes(*names), results, results.parent / "models", results.parent / "config.yaml"
    )


def test_each_recording_is_a_strike_with_its_notes(results):
    report = collected(results, *PAIR)
    assert [strike.sample.name for strike in report.strikes] == list(PAIR)
    assert (report.results, report.failures, report.failed) == ((), (), 0)
    assert len(report.notes) == 4
    assert len(report.measurements) == 0
    for strike in report.strikes:
        assert len(strike.notes) == len(strike.curves) == 2
        assert strike.film == f"../films/net/{strike.sample.name}.mp4"
        assert (results / strike.film.removeprefix("../")).exists()
    assert [strike.is_heard for strike in report.strikes] == [False, True]


def test_a_moment_shows_what_was_found_in_its_frame(results):
    moments = collected(results, "good").strikes[0].moments
    assert 1 <= len(moments) <= 3
    for moment in moments:
        assert [outline.antinode for outline in moment.outlines] == [1, 2]
        assert any(outline.rings is not None for outline in moment.outlines)
    farthest = max(abs(outline.rings or 0) for moment in moments for outline in moment.outlines)
    assert farthest == pytest.approx(6, rel=0.1)


def test_what_was_not_seen_is_said(results):
    good, sound = collected(results, *PAIR).strikes
    assert any("no micrometres" in line for line in good.unseen)
    assert not any("no micrometres" in line for line in sound.unseen)
    assert any("outside of the frame" in line for line in good.unseen)


def test_notes_have_a_table_of_their_own(results, tmp_path):
    report = collected(results, *PAIR)
    write_report(report, tmp_path / "cohort.html")
    with (tmp_path / "cohort_notes.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == NOTES.names
    assert [row["sample"] for row in rows] == ["good", "good", "heard", "heard"]
    assert (tmp_path / "cohort.tsv").read_text().count("\n") == 1


def test_a_cohort_without_strikes_has_no_table_of_notes(folder, cohort_of, tmp_path):
    folder.finish("ada")
    report = collect(cohort_of("ada"), folder.results, folder.models, tmp_path / "config.yaml")
    write_report(report, tmp_path / "cohort.html")
    assert not (tmp_path / "cohort_notes.tsv").exists()
    assert "Strikes" not in (tmp_path / "cohort.html").read_text()


def test_a_table_of_another_track_is_refused(copy, tmp_path):
    """A head's measurements in the place of a strike's notes, and the other way round."""
    folder = Folder(tmp_path / "other/results")
    folder.finish("good")
    shutil.copy(folder.results / "measurements/net/good.parquet", copy / "measurements/net/good.parquet")
    (failure,) = collected(copy, "good").failures
    assert failure.line.startswith("TABLE-UNREADABLE")


@pytest.mark.parametrize("part", ["images", "detections"])
def test_notes_of_what_was_made_anew_are_outdated(copy, part):
    suffix = "ome.zarr" if part == "images" else "net/good.parquet"
    if part == "images":
        for path in (copy / "images").glob("good.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (copy / "images").glob("heard.*"):
            path.rename(path.with_name(path.name.replace("heard", "good")))
    else:
        (copy / part / suffix).write_bytes((copy / part / "net/heard.parquet").read_bytes())
    (failure,) = collected(copy, "good").failures
    assert failure.line.startswith("REPORT-OUTDATED")


def test_a_failure_names_the_step_of_its_track(copy):
    (copy / "measurements/net/good.parquet").unlink()
    (failure,) = collected(copy, "good").failures
    assert (failure.step, failure.model) == ("follow", "net")
    (copy / "detections/net/good.parquet").unlink()
    (failure,) = collected(copy, "good").failures
    assert failure.step == "detect"
    Folder(copy).fail("detect", "good", "DETECT-X  it broke", model="net")
    assert collected(copy, "good").failures[0].line == "DETECT-X  it broke"


def test_a_film_that_failed_takes_no_number_with_it(copy):
    (copy / "films/net/good.mp4").unlink()
    (strike,) = collected(copy, "good").strikes
    assert strike.film is None
    assert any("no annotated film" in line for line in strike.unseen)


def test_the_page_gives_every_command(results):
    strike = collected(results, "good").strikes[0]
    steps = [line.split()[1] for line in strike_commands(strike, cohort_of_strikes("good").settings)]
    assert steps == ["ingest", "detect", "follow", "export"]
    html = page(collected(results, *PAIR), "cohort.tsv")
    assert html.count("<ellipse") >= 4
    assert not re.search(r"=\"?nan|Infinity", html)


@pytest.mark.browser
def test_a_browser_shows_frames_curves_and_the_film(results):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    path = results / "report/cohort.html"
    write_report(collected(results, *PAIR), path)
    with sync_api.sync_playwright() as driver:
        try:
            browser = launched(driver)
        except sync_api.Error:
            pytest.skip("no browser: install chromium")
        tab = browser.new_page()
        faults = []
        tab.on("pageerror", lambda fault: faults.append(str(fault)))
        tab.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        tab.goto(path.as_uri())
        assert faults == []
        assert tab.locator(".strike[open] .moments svg").count() >= 2
        box = tab.locator(".strike .curve").first.bounding_box()
        assert box["width"] > 200
        target = tab.locator(".strike summary a").first.get_attribute("href")
        assert (path.parent / target).resolve().exists()
        tab.locator("#overview a").first.click()
        assert tab.url.endswith("net--good")
        browser.close()
