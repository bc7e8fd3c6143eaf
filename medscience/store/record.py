"""What is good to know of a run and changes nothing: when, how long, how much memory, with what."""

import os
import platform
import resource
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "zarr", "itk-rtk")
"""Whose versions are recorded, beside Python's and ours: those that touch voxels."""


def circumstances(started: float) -> dict[str, Any]:
    """Return the circumstances of a run that began at a time (seconds since 1970) and ends now."""
    return {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 3),
        "peak_memory_bytes": peak_memory(),
        "host_class": host_class(),
        "versions": versions(),
    }


def host_class() -> str:
    """Return what kind of machine this is."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def versions() -> dict[str, str]:
    """Return the version of Python and of each of `PACKAGES` that is installed; nothing is imported."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_memory() -> int:
    """Return the largest resident memory of this process, in bytes.

    Linux' own count for the program that runs now; `ru_maxrss` also remembers the parent that started it.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
