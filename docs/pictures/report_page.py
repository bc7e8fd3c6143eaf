"""Make docs/pictures/report.png and report-3d.png: the demo's report, as a browser shows it.

Needs the report that `make demo` leaves, and chromium.
"""

import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PAGE = Path("results/report/cohort.html")
FOLDER = Path(__file__).parent
WEBGL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main() -> None:
    """Take one picture from the top, and one of the first result turned in 3D."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=WEBGL)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(PAGE.absolute().as_uri())
        _save(page.screenshot(), "report.png")
        result = page.locator("details.result").first
        result.locator("summary").first.click()
        result.locator('.viewer[data-state="ready"]').wait_for()
        result.get_by_role("button", name="3D view").click()
        result.locator("canvas").last.wait_for()
        page.wait_for_timeout(3000)  # the turning volume has no other sign that it is drawn
        result.scroll_into_view_if_needed()
        _save(result.screenshot(), "report-3d.png")
        browser.close()


def _save(picture: bytes, name: str) -> None:
    """Write a picture with 256 colours: a quarter of the bytes, and no difference to the eye."""
    path = FOLDER / name
    path.write_bytes(picture)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
