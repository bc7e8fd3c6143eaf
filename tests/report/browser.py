"""The browser of the tests: headless, with WebGL in software, so that it is the same on every machine."""

import shutil

ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def installed():
    """Path of the system's browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def launched(driver, *more):
    """Start the system's browser, or else the one that playwright installed."""
    return driver.chromium.launch(executable_path=installed(), args=[*ARGUMENTS, *more])
