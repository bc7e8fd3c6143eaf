"""The page in a browser, as a person uses it: nothing may break, and nothing may leave the page."""

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.description import Label
from medscience.measure.quality import Flag, Quality
from medscience.report.collect import collect
from medscience.report.html import write_report
from tests.report.browser import launched
from tests.report.conftest import Folder
from tests.report.many import textured_head

if os.environ.get("CI"):
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>\u2028\"'&{{7*7}}"
NAMES = (
    Label(value=0, name="background", color=(0, 0, 0)),
    Label(value=1, name="White Matter", color=(240, 240, 240)),
    Label(value=2, name="Grey Matter", color=(205, 62, 78)),
    Label(value=3, name=HOSTILE, color=(60, 120, 220)),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A page with three good samples, one of them flagged, one seen by two models, and two that failed."""
    folder = Folder(tmp_path_factory.mktemp("cohort") / "results")
    values, labels = textured_head((48, 56, 50))
    flags = (Flag("QUALITY-VOLUME", HOSTILE, HOSTILE, HOSTILE),)
    for n, name in enumerate(("ada", "ben", "eve")):
        mine = np.roll(labels, n, axis=2)
        folder.ingest(name, record={"warnings": [HOSTILE]}, values=np.roll(values, n, axis=2))
        for model in ("net", "other"):
            folder.segment(name, model, names=NAMES, labels=mine, caution=HOSTILE)
        folder.measure(name, reference=labels, quality=Quality(flags if n == 1 else (), 1.2e6, None))
    folder.measure("ada", "other")
    folder.fail("predict", "ben", HOSTILE, model="other")
    folder.fail("predict", "eve", "MEMORY-PROMISE  too large", model="other")
    samples = tuple(
        Sample(name=name, track="brain_mri", source=f"{HOSTILE}.nii", patient=HOSTILE)
        for name in ("ada", "ben", "eve")
    )
    settings = Settings(samples=Path("samples.tsv"), models=Models(brain_mri=("net", "other")))
    report = collect(Cohort(settings=settings, samples=samples), folder.results, folder.models, Path(HOSTILE))
    assert len(report.results) == 4
    path = folder.results / "report/cohort.html"
    write_report(replace(report, version=HOSTILE), path)
    return path


@pytest.fixture(scope="module")
def driver():
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(driver):
    try:
        browser = launched(driver)
    except sync_api.Error as fault:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a browser: {fault}")
        pytest.skip("no browser: install chromium")
    yield browser
    browser.close()


@pytest.fixture
def open_page(path, browser):
    """Open the page; in no test may it complain, run what it should not, or ask for more."""
    faults = []

    def opened(with_browser=browser, **options):
        page = with_browser.new_page(viewport={"width": 1200, "height": 900}, **options)
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda fault: faults.append(f"error: {fault}"))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: note(request.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    def note(url):
        if url.split("#")[0] != path.as_uri() and not url.startswith(("data:", "blob:")):
            faults.append(f"request: {url}")

    pages = []
    yield opened
    for page in pages:
        assert page.evaluate("window.pwned") is None
        page.close()
    assert faults == []


@pytest.fixture
def page(open_page):
    return open_page()


def open_result(page, name="net--ada"):
    """Open a result and wait for its slices."""
    result = page.locator(f'[id="{name}"]')
    result.locator("summary").first.click()
    result.locator('.viewer[data-state="ready"]').wait_for()
    return result


def pixels(locator):
    return np.asarray(Picture.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def column(page, number):
    return page.locator(f"#overview tbody tr:visible > :nth-child({number})").all_inner_texts()


def test_every_picture_is_whole(page):
    for details in page.locator("details.result").all():
        details.locator("summary").first.click()
    page.locator('.viewer[data-state="ready"]').nth(3).wait_for()
    pictures = page.evaluate("[...document.images].map((image) => [image.complete, image.naturalWidth])")
    assert pictures == [[True, 960]] * 4


def test_a_click_on_a_head_sorts(page):
    head = page.locator("#overview th", has_text="sample")
    for order, key in (("ascending", False), ("descending", True)):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        found = column(page, 1)
        assert found == sorted(found, reverse=key)
    memory = page.locator("#overview th", has_text="memory")
    memory.get_by_role("button").click()
    assert memory.get_attribute("aria-sort") == "descending"
    assert head.get_attribute("aria-sort") is None
    assert set(column(page, 1)[-2:]) == {"ben", "eve"}  # they failed: what is not known comes last
    page.keyboard.press("Enter")
    assert memory.get_attribute("aria-sort") == "ascending"
    assert set(column(page, 1)[-2:]) == {"ben", "eve"}


def test_filters_leave_what_is_asked_for(page):
    page.locator("#find").fill("ada net")
    assert column(page, 1) == ["ada"]
    assert page.locator("#shown").inner_text() == "1 of 6 rows"
    page.locator("#find").fill("")
    page.locator("#only-failed").check()
    assert column(page, 1) == ["ben", "eve"]
    page.locator("#only-flagged").check()
    assert column(page, 1) == ["ben", "eve", "ben"]
    page.locator("#only-failed").uncheck()
    assert column(page, 2) == ["net"]
    page.keyboard.press("Enter")
    assert page.url.endswith("cohort.html")


def test_a_click_on_a_row_opens_its_result(page):
    page.locator("#overview tbody tr", has_text="eve").locator("td").last.click()
    page.locator("#overview tbody tr", has_text="eve").last.locator("td").last.click()
    assert page.url.endswith("#net--eve")
    assert page.locator('[id="net--eve"]').get_attribute("open") is not None


def test_sliders_move_through_slices_and_outlines_can_be_hidden(page):
    result = open_result(page)
    axial = result.locator("canvas").first
    before = pixels(axial)
    assert before.std() > 20
    slider = result.get_by_role("slider", name="axial")
    slider.fill("30")
    moved = pixels(axial)
    assert np.abs(moved - before).mean() > 1
    result.locator("input.crosshair").uncheck()
    result.locator("input.outlines").uncheck()
    bare = pixels(axial)
    assert np.ptp(bare, axis=2).max() <= 2  # grey only
    assert np.ptp(moved, axis=2).max() > 60


def test_a_click_in_a_slice_moves_the_other_two(page):
    result = open_result(page)
    where, sliders = result.locator(".where"), result.get_by_role("slider")
    before, places = where.inner_text(), [slider.input_value() for slider in sliders.all()]
    result.locator("canvas").first.click(position={"x": 90, "y": 60})
    assert where.inner_text() != before
    moved = [slider.input_value() for slider in sliders.all()]
    assert [a == b for a, b in zip(places, moved, strict=True)] == [True, False, False]


def test_regions_stand_among_the_cohort_and_sort(page):
    regions = open_result(page).locator(".regions table")
    rows = regions.locator("tbody tr")
    assert rows.count() == 3
    assert HOSTILE.replace("\u2028", "") in rows.nth(2).inner_text().replace("\u2028", "")
    assert rows.locator("svg.strip circle.mine").count() == 3
    assert "percentile" not in regions.inner_text()  # three samples are too few to say
    regions.locator("th", has_text="volume").get_by_role("button").click()
    volumes = [float(text) for text in regions.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert volumes == sorted(volumes, reverse=True)


def test_colours_can_be_chosen(open_page):
    def shade(page):
        red, green, blue = re.findall(
            r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor")
        )
        return (int(red) + int(green) + int(blue)) / 3

    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert shade(light) > 200
    assert shade(dark) < 60
    light.locator("#theme").click()
    light.locator("#theme").click()
    assert shade(light) < 60
    dark.locator("#theme").click()
    assert shade(dark) > 200


def test_the_3d_view_shows_one_sample_after_the_other(page):
    page.set_viewport_size({"width": 500, "height": 400})  # WebGL in software takes its time for each pixel
    seen = []
    for name in ("net--ada", "net--eve"):
        result = open_result(page, name)
        result.get_by_role("button", name="3D view").click()
        canvas = result.get_by_label(f"3D view of {name}")
        canvas.wait_for()
        result.locator(".open3d:enabled").wait_for()
        page.wait_for_timeout(500)
        seen.append(pixels(canvas))
        assert seen[-1].std() > 15
        assert page.locator(".view3d").count() == 1
    assert np.abs(seen[0] - seen[1]).mean() > 0.1
    page.get_by_label("scan", exact=True).fill("0")
    page.wait_for_timeout(300)
    assert np.abs(pixels(canvas) - seen[-1]).mean() > 0.5
    page.get_by_role("button", name="close").click()
    assert page.locator(".view3d").count() == 0


def test_without_webgl_one_line_says_so(driver, open_page):
    browser = launched(driver, "--disable-3d-apis")
    page = open_page(browser)
    result = open_result(page)
    result.get_by_role("button", name="3D view").click()
    result.locator(".place3d .note").wait_for()
    assert "needs WebGL 2" in result.locator(".place3d").inner_text()


def test_without_scripts_table_and_pictures_are_there(open_page):
    page = open_page(java_script_enabled=False)
    page.locator("details.result summary").first.click()
    assert page.locator("#overview tbody tr").count() == 6
    assert page.locator(".still").first.is_visible()
    assert page.locator("noscript").first.inner_text() != ""
    assert not page.locator("#filters").is_visible()


def test_it_prints_with_all_pictures_and_regions(page):
    content = page.pdf(format="A4", print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page[^s]", content))
    pictures = len(re.findall(rb"/Subtype\s*/Image", content))
    assert pages >= 4
    assert pictures >= 3  # two models agree on one sample: that picture is in the file once
    assert page.locator(".regions table").count() == 4
    assert page.locator("details[open].result").count() == 0


def test_on_a_phone_nothing_sticks_out(open_page):
    page = open_page()
    page.set_viewport_size({"width": 390, "height": 800})
    open_result(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
