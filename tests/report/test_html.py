import base64
import csv
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from medscience.description import Label, read_model
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
        write_report(collect(cohort, folder.results, folder.models, Path("config/study.yaml")), dest)
        assert sorted(path.name for path in dest.parent.iterdir()) == ["net.html", "net.tsv"]
        return dest.read_text("utf-8")

    return write


def rows_of(tmp_path):
    with (tmp_path / "report" / "net.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def shown(page):
    """The page without its scripts, its style sheet and its data."""
    page = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]*", "data:image/", page)
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)


def attributes_of(page):
    """Every attribute of every element, as a browser's parser finds them."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda _, attributes: found.extend(attributes)
    parser.feed(page)
    return found


def data_of(page, name):
    """What a data block of the page holds."""
    (text,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    return json.loads(text)


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
    assert "<script" not in shown(page)
    assert "src=x" not in page.replace("&lt;img src=x", "").replace("\\u003cimg src=x", "")
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 18
    attributes = attributes_of(page)
    assert [name for name, _ in attributes if name.startswith("on")] == []
    assert {value[:11] for name, value in attributes if name == "src"} == {"data:image/"}
    assert data_of(page, "cohort")["groups"][0]["names"] == [PAYLOAD]


def test_the_page_needs_nothing_from_outside(folder, cohort_of, page_of):
    folder.finish("a")
    page = page_of(cohort_of("a", "b"))
    assert (
        re.findall(
            r"https?:|//|@import|url\(|<(?:link|iframe|object|form )[^>]*(?:src|href|action)", shown(page)
        )
        == []
    )
    assert set(re.findall(r'src="([^"]{10})', page)) == {"data:image"}
    assert {link[0] for link in re.findall(r'href="([^"]*)', page)} == {"#"}


def test_only_the_scripts_and_the_style_that_the_page_was_written_with_may_be_used(
    folder, cohort_of, page_of
):
    folder.finish("a")
    page = page_of(cohort_of("a"))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    allowed = dict(part.split(" ", 1) for part in policy.replace("&#39;", "'").split("; "))
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, flags=re.S)
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.S)
    (packed,) = re.findall(r'id="niivue">([^<]*)<', page)
    niivue = gzip.decompress(base64.b64decode(packed)).decode()
    assert allowed == {
        "default-src": "'none'",
        "script-src": f"{digest(script)} {digest(niivue)}",
        "style-src": digest(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert re.findall(r"<[^>]*\sstyle=", shown(page)) == []


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_3d_viewer_is_the_one_that_its_readme_names():
    folder = resources.files("medscience.report").joinpath("niivue")
    content = gzip.decompress(folder.joinpath("niivue-0.69.0.umd.js.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() in folder.joinpath("README.md").read_text()
    assert "BSD 2-Clause License" in folder.joinpath("LICENSE").read_text()


def test_no_script_takes_text_for_markup():
    folder = resources.files("medscience.report").joinpath("page")
    for script in folder.iterdir():
        if script.name.endswith(".js"):
            found = re.findall(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|fetch\(|</script|<!--",
                script.read_text(),
            )
            assert found == [], script.name


def test_links_lead_to_results(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.finish(sample)
    page = page_of(cohort_of("a", "b"))
    targets = set(re.findall(r'href="#([^"]*)', page))
    assert targets >= {"net--a", "net--b", "samples", "models", "reproduce"}
    assert targets <= set(re.findall(r'id="([^"]*)', page))


def test_failures_come_first_with_their_line(folder, cohort_of, page_of):
    folder.finish("a")
    line = "NIFTI-TRUNCATED  b.nii.gz: found 3 bytes, expected 9; copy it again"
    folder.fail("ingest", "b", line)
    page = page_of(cohort_of("a", "b"))
    assert line in page
    assert page.index(line) < page.index('id="net--a"')
    assert re.findall(r"(\d+)</strong> (\w+)", page)[:5] == [
        ("2", "samples"),
        ("1", "done"),
        ("1", "failed"),
        ("0", "flagged"),
        ("1", "model"),
    ]


def test_a_page_without_failures_has_no_such_section(folder, cohort_of, page_of):
    folder.finish("a")
    assert 'id="failures"' not in page_of(cohort_of("a"))


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
        assert page.count(f'<td class="number" data-v="{volume:.6g}">{volume / 1000:.1f}</td>') == 1
    assert data_of(page, "data-net--a")["regions"]["volume"] == pytest.approx(volumes)
    assert "White Matter (mL)" in page


def test_a_caution_stands_at_the_top_and_beside_every_result(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.ingest(sample)
        folder.segment(sample, caution="Trained on simulated heads.")
        folder.measure(sample)
    page = page_of(cohort_of("a", "b"))
    assert page.count("Trained on simulated heads.") == 4
    assert page.index("Trained on simulated heads.") < page.index('id="samples"')


@pytest.mark.usefixtures("tiny_model")
def test_a_model_is_shown_with_its_licence_and_training_data(folder, cohort_of, page_of):
    folder.finish("a", model="tiny")
    page = page_of(cohort_of("a", models=("tiny",)))
    for text in ("a random network for tests", "Apache-2.0", "nobody", "<dd>nothing</dd>", "T1, axes LIA"):
        assert text in page
    weights = read_model(folder.models / "tiny.yaml").weights
    assert f"<dd><code>{weights.sha256}</code></dd>" in page
    assert page.count("random weights") == 2


def test_flags_stand_with_the_warnings_marked_by_a_badge(folder, cohort_of, page_of):
    flags = (
        Flag("QUALITY-VOLUME", "430 mL", "850 to 1700 mL", "a brain of 430 mL is implausible for an adult"),
        Flag("QUALITY-SIDES", "0.30", "at most 0.10", "much more is labelled on the left"),
    )
    folder.ingest("a", record={"warnings": ["very bright"]})
    folder.segment("a")
    folder.measure("a", quality=Quality(flags, 430_123.0, 561_000.0))
    page = page_of(cohort_of("a"))
    assert page.count('<span class="badge">flag</span>') == 2
    assert page.count('title="a brain of 430 mL is implausible for an adult">volume</span>') == 1
    for flag in flags:
        assert f"({flag.code}: found {flag.found}, expected {flag.expected})" in page
    assert page.index("implausible for an adult") < page.index("very bright") < page.index("data:image")
    assert ("1", "flagged") in re.findall(r"(\d+)</strong> (\w+)", page)
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
    assert page.index('id="compared"') < page.index("Results of net")
    table_of_a = page[page.index('id="compared"') : page.index("Results of net")]
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
    assert "Dice" not in shown(page_of(cohort_of("a")))


def test_dice_is_shown_beside_the_volumes(folder, cohort_of, page_of):
    folder.ingest("a")
    folder.segment("a")
    folder.measure("a", reference=np.zeros((12, 14, 16), dtype=np.uint8))
    page = page_of(cohort_of("a"))
    assert page.count('data-v="0">0.000</td>') == 1
    assert data_of(page, "data-net--a")["regions"]["dice"] == [0.0, 0.0]


def test_a_result_says_how_to_make_it_again(folder, cohort_of, page_of):
    folder.ingest("a")
    folder.segment("a")
    folder.measure("a")
    page = page_of(cohort_of("a", reference="truth of a.nii"))
    for line in (
        "snakemake --cores all --config settings=config/study.yaml",
        "medscience ingest x results/images/a.ome.zarr --sha256 a.ome.zarr",
        "medscience predict results/images/a.ome.zarr config/models/net.yaml "
        "results/predictions/net/a.ome.zarr --memory 8G --threads 2 --precision auto",
        "medscience ingest --labels &#39;truth of a.nii&#39; results/references/a.ome.zarr",
        "medscience measure results/labels/net/a.ome.zarr results/images/a.ome.zarr "
        "results/measurements/net/a.parquet --reference results/references/a.ome.zarr",
    ):
        assert f"{line}\n" in page or f"<code>{line}</code>" in page
    assert folder.digest("images/a") in page
    assert folder.digest("labels/net/a") in page
    assert re.search(r'<th scope="row">torch</th><td>[0-9.]+', page)


def test_time_and_memory_of_every_step_are_stated(folder, cohort_of, page_of):
    for sample in ("a", "b"):
        folder.finish(sample)
    effort = page_of(cohort_of("a", "b")).partition('id="effort"')[2]
    steps = re.findall(r'<th scope="row">(\w+)</th>\s*<td>(\w+)</td>\s*<td class="number">(\d)</td>', effort)
    assert steps == [
        ("ingest", "all", "2"),
        ("predict", "net", "2"),
        ("postprocess", "net", "2"),
        ("measure", "net", "2"),
    ]


def test_an_image_is_in_the_page_once_however_many_models_saw_it(folder, cohort_of, page_of):
    folder.finish("a")
    folder.segment("a", "other")
    folder.measure("a", "other")
    page = page_of(cohort_of("a", models=("net", "other")))
    (name,) = re.findall(r'id="(image-[0-9a-f]{64})"', page)
    assert data_of(page, "data-net--a")["image"] == data_of(page, "data-other--a")["image"] == name


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
    empty = collect(cohort_of(), tmp_path, tmp_path, tmp_path / "config.yaml")
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
    assert 'id="failures"' in first
    assert 'id="failures"' not in second
