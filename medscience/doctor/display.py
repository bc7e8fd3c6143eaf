"""A screen, and napari to look at results on it."""

import socket
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from medscience.doctor.command import on_path
from medscience.doctor.finding import Finding, State
from medscience.doctor.packages import Installed, installed

BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")
"""Ways from Python to Qt, which draws napari's windows."""


def display(
    environment: Mapping[str, str],
    platform: str = sys.platform,
    sockets: Path = Path("/tmp/.X11-unix"),  # noqa: S108
) -> Finding:
    """Whether windows can be opened."""
    if platform in ("darwin", "win32"):
        return Finding("display", State.OK, "this computer's own")
    if wayland := environment.get("WAYLAND_DISPLAY"):
        return Finding("display", State.OK, f"Wayland, {wayland}")
    named = environment.get("DISPLAY", "")
    hint = "" if on_path("xvfb-run", environment) else " (apt install xvfb)"
    pictures = f"pictures can be made without a screen by xvfb-run{hint}"
    if not named:
        fix = f"log in at the machine or with ssh -X; {pictures}"
        return Finding("display", State.ABSENT, "none: napari can open no window here", fix)
    if named.startswith(":") and not _answers(sockets / f"X{named[1:].partition('.')[0]}"):
        fix = f"correct DISPLAY, or log in again; {pictures}"
        return Finding("display", State.WARNING, f"DISPLAY={named}, but nothing answers there", fix)
    return Finding("display", State.OK, f"X11, {named}")


def _answers(server: Path) -> bool:
    """Whether an X server listens at its socket; abstract ones count too, which have no file."""
    for address in (str(server), f"\0{server}"):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(address)
            except OSError:
                continue
            return True
    return False


def napari(installed: Installed = installed, has_module: Callable[[str], object] = find_spec) -> Finding:
    """Whether results can be opened in napari: itself, Qt, and our plugin."""
    viewer, plugin = installed("napari"), installed("napari-medscience")
    if viewer is None:
        fix = "run: .venv/bin/pip install 'napari[pyside6]' -e plugins/napari-medscience"
        return Finding("napari", State.ABSENT, "not installed", fix)
    binding = next((name for name in BINDINGS if has_module(name)), None)
    if binding is None:
        fix = "run: .venv/bin/pip install 'napari[pyside6]'"
        return Finding("napari", State.WARNING, f"{viewer}, but no Qt to draw with", fix)
    if plugin is None:
        fix = "run: .venv/bin/pip install -e plugins/napari-medscience"
        return Finding("napari", State.WARNING, f"{viewer} with {binding}, but not our plugin", fix)
    return Finding("napari", State.OK, f"{viewer} with {binding} and napari-medscience {plugin}")
