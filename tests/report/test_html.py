import csv
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from medscience.description import Label
from medscience.measure.quality import Flag, Quality
from medscience.measure.regions import SCHEMA, Region, table
from medscience.report.collect import collect
from medscience.report.html import write_report

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


@pytest.fixture
def page_of(folder, tmp_path):
    """Return the page of a cohort, and leave its table beside it."""

    def write(cohort):
        dest = tmp_path / "report" / "net.html"
        write_report(collect(cohort, folder.results, folder.models), dest)
        assert sorted(path.name for path in dest.parent.iterdir()) == ["net.html", "net.tsv"]
        return dest.read_text("utf-8")

    return write


def rows_of(tmp_path):
    with (tmp_path / "report" / "net.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_text_from_files_is_text_on_the_page(folder, cohort_of, page_of):
    names = (
        Label(value=0, name="none", color=(0, 0, 0)),
        Label(value=1, name=PAYLOAD, color=(9, 9, 9)),
    )
    folder.ingest("a", record={"warnings": [PAYLOAD], "plan": {PAYLOAD: PAYLOAD}})
    folder.segment("a", caution=PAYLOAD, names=names, labels=np.ones((12, 14, 16), dtype=np.uint8))
    folder.measure("a", quality=Quality((Flag(PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD),), 1.0, None))
    folder.segment("a", "second", names=names, labels=np.ones((12, 14, 16), dtype=np.uint8))
    folder.measure("a", "second")
    folder.fail("predict", "b", PAYLOAD, model="net")
    page = page_of(cohort_of("a", "b", models=("net", "second"), patient=PAYLOAD, split=PAYLOAD))
    assert "Models compared" in page
    assert "<script" not in page
    assert "src=x" not in page.replace("&lt;img src=x", "")
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 18
    assert re.findall(r"<[^>]*\son\w+=", page) == []


def test_the_page_needs_nothing_from_outside_and_runs_nothing(folder, cohort_of, page_of):
    folder.finish("a")
    page = page_of(cohort_of("a", "b"))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert re.findall(r"https?:|//|@import|url\(|<(?:script|link|iframe|object|form)", shown(page)) == []
    assert set(re.findall(r'src="([^"]{10})', page)) == {"data:image"}
    assert {link[0] for link in re.findall(r'href="([^"]*)', page)} == {"#"}


def shown(page):
    """The page without its pictures."""
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]*", "", page)


def test_links_lead_to_results(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.finish(sample)
    page = page_of(cohort_of("a", "b"))
    targets = set(re.findall(r'href="#([^"]*)', page))
    assert targets == {"net--a", "net--b"}
    assert targets <= set(re.findall(r'id="([^"]*)', page))


def test_failures_come_first_with_their_line(folder, cohort_of, page_of):
    folder.finish("a")
    line = "NIFTI-TRUNCATED  b.nii.gz: found 3 bytes, expected 9; copy it again"
    folder.fail("ingest", "b", line)
    page = page_of(cohort_of("a", "b"))
    assert line in page
    assert page.index(line) < page.index('id="net--a"')
    assert re.findall(r"(\d+)</strong> (\w+)", page) == [
        ("2", "samples"),
        ("1", "done"),
        ("1", "failed"),
    ]


def test_a_page_without_failures_has_no_such_section(folder, cohort_of, page_of):
    folder.finish("a")
    assert "Failures" not in page_of(cohort_of("a"))


def test_a_page_without_results_is_a_page(cohort_of, page_of, tmp_path):
    page = page_of(cohort_of("a", "b"))
    assert page.count("did not finish") == 2
    assert rows_of(tmp_path) == []


def test_a_broken_store_does_not_stop_the_page(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.finish(sample)
    (folder.results / "images/b.ome.zarr/zarr.json").unlink()
    page = page_of(cohort_of("a", "b"))
    assert "STORE-ALTERED" in page
    assert 'id="net--a"' in page
    assert 'id="net--b"' not in page


def test_volumes_on_the_page_are_those_of_the_table(folder, cohort_of, page_of):
    folder.finish("a")
    page = page_of(cohort_of("a"))
    measured = pq.read_table(folder.results / "measurements/net/a.parquet", partitioning=None)
    volumes = measured["volume_mm3"].to_pylist()
    assert volumes == pytest.approx([215 * 128.0, 128.0])
    for volume in volumes:
        assert page.count(f'<td class="number">{volume / 1000:.1f}</td>') == 2
    assert "White Matter (mL)" in page


def test_a_caution_stands_at_the_top_and_beside_every_result(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.ingest(sample)
        folder.segment(sample, caution="Trained on simulated heads.")
        folder.measure(sample)
    page = page_of(cohort_of("a", "b"))
    assert page.count("Trained on simulated heads.") == 3
    assert page.index("Trained on simulated heads.") < page.index("Results of net")


@pytest.mark.usefixtures("tiny_model")
def test_a_model_is_shown_with_its_licence_and_training_data(folder, cohort_of, page_of):
    folder.finish("a", model="tiny")
    page = page_of(cohort_of("a", models=("tiny",)))
    for text in ("a random network for tests", "Apache-2.0", "nobody", "<dd>nothing</dd>"):
        assert text in page
    assert page.count("random weights") == 1


def test_flags_stand_with_the_warnings_marked_by_a_badge(folder, cohort_of, page_of):
    flags = (
        Flag("QUALITY-VOLUME", "430 mL", "850 to 1700 mL", "a brain of 430 mL is implausible for an adult"),
        Flag("QUALITY-SIDES", "0.30", "at most 0.10", "much more is labelled on the left"),
    )
    folder.ingest("a", record={"warnings": ["very bright"]})
    folder.segment("a")
    folder.measure("a", quality=Quality(flags, 430_123.0, 561_000.0))
    page = page_of(cohort_of("a"))
    assert page.count('class="badge"') == 2
    for flag in flags:
        assert f"({flag.code}: found {flag.found}, expected {flag.expected})" in page
    assert page.index("implausible for an adult") < page.index("very bright") < page.index("data:image")
    assert "Brain 430.1 mL · brain and fluid 561.0 mL" in page


@pytest.mark.parametrize("quality", [None, Quality((), 1_200_000.0, None)])
def test_a_result_without_flags_has_no_badge_and_no_guess(folder, cohort_of, page_of, quality):
    folder.ingest("a")
    folder.segment("a")
    folder.measure("a", quality=quality)
    page = page_of(cohort_of("a"))
    assert 'class="badge"' not in page
    assert "brain and fluid" not in page
    assert ("Brain 1200.0 mL" in page) == (quality is not None)


def test_models_are_compared_before_the_details(folder, cohort_of, page_of):
    folder.finish("a")
    folder.segment("a", "other", labels=np.ones((12, 14, 16), dtype=np.uint8))
    folder.measure("a", "other")
    page = page_of(cohort_of("a", "b", models=("net", "other")))
    assert page.index("Models compared") < page.index("Results of net")
    table_of_a = page[page.index("Models compared") : page.index("Results of net")]
    cells = re.findall(r'<td class="number">([^<]*)</td>', table_of_a)
    assert cells == ["27.5", "344.1", "170.4", "0.1", "0.0", "200.0"]
    assert set(re.findall(r'href="#([^"]*)', table_of_a)) == {"net--a", "other--a"}


def test_one_model_is_compared_with_nothing(folder, cohort_of, page_of):
    folder.finish("a")
    assert "Models compared" not in page_of(cohort_of("a", models=("net", "other")))


def test_a_model_without_its_file_is_shown_all_the_same(folder, cohort_of, page_of):
    folder.finish("a")
    assert "model file cannot be read" in page_of(cohort_of("a"))


def test_dice_is_shown_only_where_it_is_known(folder, cohort_of, page_of):
    folder.finish("a")
    assert "Dice" not in page_of(cohort_of("a"))


def test_dice_is_shown_beside_the_volumes(folder, cohort_of, page_of):
    folder.ingest("a")
    folder.segment("a")
    folder.measure("a", reference=np.zeros((12, 14, 16), dtype=np.uint8))
    page = page_of(cohort_of("a"))
    assert page.count('<td class="number">0.000</td>') == 4


def test_the_table_holds_every_measurement_unrounded(folder, cohort_of, page_of, tmp_path):
    for sample in ("a", "b"):
        folder.finish(sample)
    page_of(cohort_of("a", "b", "c"))
    rows = rows_of(tmp_path)
    assert list(rows[0]) == SCHEMA.names
    assert [(row["sample"], row["name"]) for row in rows] == [
        (sample, name) for sample in "ab" for name in ("White Matter", "Lesion")
    ]
    for name in ("a", "b"):
        path = folder.results / f"measurements/net/{name}.parquet"
        measured = pq.read_table(path, partitioning=None).to_pylist()
        mine = [row for row in rows if row["sample"] == name]
        for row, expected in zip(mine, measured, strict=True):
            assert float(row["centroid_x_mm"]) == expected["centroid_x_mm"]
            assert float(row["volume_mm3"]) == expected["volume_mm3"]
            assert row["dice"] == ""


@pytest.mark.parametrize(
    "name, cell",
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\t=1", "'=1"),
        ("a\tb\r\nc", "a b  c"),
        ('"a', '"a'),
        ("White-Matter", "White-Matter"),
    ],
)
def test_no_cell_is_a_formula_or_breaks_its_row(tmp_path, cohort_of, name, cell):
    empty = collect(cohort_of(), tmp_path, tmp_path)
    regions = [Region(1, name, 1, 2.5, -1.0, *[None] * 8, False, None)]
    report = replace(empty, measurements=table("a", "net", regions, {}))
    write_report(report, tmp_path / "report" / "net.html")
    (row,) = rows_of(tmp_path)
    assert (row["name"], row["centroid_x_mm"], row["touches_border"]) == (cell, "-1.0", "false")


def test_a_new_report_replaces_the_old_one(folder, cohort_of, page_of):
    folder.finish("a")
    first = page_of(cohort_of("a", "b"))
    folder.finish("b")
    second = page_of(cohort_of("a", "b"))
    assert "Failures" in first
    assert "Failures" not in second
