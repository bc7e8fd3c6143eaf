"""Bytes of the page of 200 samples, and how long a browser takes to open it and to show one of them.

``python -m tests.bench.report`` prints a table and writes ``results/bench-report.json``. The samples are
copies of one noisy head under their own names, with pictures of the size that 200 samples leave room for.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

OPENINGS = 3
COUNT = 200


def main() -> None:
    """Run the bench."""
    from playwright.sync_api import sync_playwright

    from medscience.report.html import write_report
    from tests.report.browser import launched
    from tests.report.conftest import Folder
    from tests.report.many import many

    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        report = many(Folder(Path(place) / "results"), COUNT)
        path = Path(place) / "cohort.html"
        begun = time.perf_counter()
        write_report(report, path)
        written = time.perf_counter() - begun
        browser = launched(driver)
        times = [_times(browser, path) for _ in range(OPENINGS)]
        result = {
            "what": f"page of {COUNT} samples, each a head of 160 x 192 x 160 voxels",
            "bytes": path.stat().st_size,
            "seconds_to_write": round(written, 2),
            "seconds_to_open": round(statistics.median(opened for opened, _ in times), 2),
            "seconds_to_show_slices": round(statistics.median(shown for _, shown in times), 2),
        }
        browser.close()
    Path("results").mkdir(exist_ok=True)
    Path("results/bench-report.json").write_text(json.dumps(result, indent=1) + "\n")
    for key, value in result.items():
        sys.stdout.write(f"{key:24} {value}\n")


def _times(browser, path: Path) -> tuple[float, float]:
    """Seconds until the page is loaded and drawn, and from a click until the slices of a sample are."""
    page = browser.new_page()
    begun = time.perf_counter()
    page.goto(path.as_uri(), wait_until="load")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    opened = time.perf_counter() - begun
    begun = time.perf_counter()
    page.locator("details.result summary").first.click()
    page.locator('.viewer[data-state="ready"] canvas').first.wait_for()
    shown = time.perf_counter() - begun
    page.close()
    return opened, shown


if __name__ == "__main__":
    main()
