"""Python packages that are installed here, seen without importing them."""

import platform
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version

from medscience import __version__
from medscience.doctor.finding import Finding, State

Installed = Callable[[str], str | None]
"""Takes a package's name, gives its version; None if it is not installed."""


def installed(name: str) -> str | None:
    """Return the version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def packages(installed: Installed = installed) -> Finding:
    """Whether everything that medscience needs is installed."""
    needed = [
        re.split(r"[^\w.-]", need)[0] for need in requires("medscience") or [] if "extra ==" not in need
    ]
    missing = [name for name in needed if installed(name) is None]
    if missing:
        return Finding("Python", State.MISSING, f"not installed: {', '.join(missing)}", "run: make setup")
    of_note = ", ".join(f"{name} {installed(name)}" for name in ("torch", "zarr", "snakemake"))
    found = f"{platform.python_version()} with medscience {__version__}, {of_note}"
    return Finding("Python", State.OK, found)
