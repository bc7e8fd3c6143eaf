"""Cone-beam projections with their geometry and breathing, as line integrals that wait to be read."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Scan
from medscience.config.yaml import read_yaml
from medscience.description import file_sha256
from medscience.errors import InputError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.ingest.attenuation import LineIntegrals, air_of
from medscience.ingest.beside import file_beside
from medscience.ingest.breathing import Breathing, read_breathing
from medscience.ingest.rtk_geometry import read_geometry
from medscience.ingest.source import Repair, Source
from medscience.ingest.stack import Stack, open_views
from medscience.views import Views, angular_gap

LEAST_ARC = 10.0
"""Degrees; a scan over less was written in radians."""
DISPLACED = 0.1
"""From which difference of its sides, relative to its width, a detector is a half-fan: RTK's rule."""


def open_projections(path: Path, acquisition: Path) -> Source:
    """Open the projections of a cone-beam scan.

    Parameters
    ----------
    path : Path
        A MetaImage stack, or a folder of ``.his``, ``.hnd`` or ``.xim`` files.
    acquisition : Path
        How they were acquired; geometry, air and breathing lie beside it.

    Returns
    -------
    Source
        Line integrals (view, 1, V, U) on the detector's grid; the facts hold geometry, breathing and patient
        position. Views whose file is missing, or that are another one's copy, are left out.

    Raises
    ------
    InputError
        If views cannot be told which row of the geometry they are, or anything contradicts anything.
    """
    repairs: list[Repair] = []
    scan = read_yaml(acquisition, Scan)
    stack = open_views(path, repairs)
    files = {
        role: file_beside(acquisition, name, kind="SCAN", field=role) for role, name in scan.files.items()
    }
    views = read_geometry(files["geometry"])
    rows = _rows(path, stack, len(views), repairs)
    breathing = _breathing(files.get("breathing"), scan, len(views), repairs)
    kept = _without_copies(stack, repairs)
    seen = views.take(rows[kept])
    _check_arc(files["geometry"], views, scan)
    _check_fan(path, seen, stack.detector, scan)
    air = _air(files.get("air"), scan, stack, repairs)
    facts = {
        "format": stack.format,
        "scan": {
            "patient_position": scan.patient_position,
            "fan": scan.fan,
            "inhale": scan.inhale,
            "water_per_mm": scan.water_per_mm,
            "voxel_mm": scan.voxel_mm,
            "voxels": scan.voxels and list(scan.voxels),
            "views": {name: column.tolist() for name, column in seen.columns.items()},
            "breathing": _columns(breathing, rows[kept]),
        },
    }
    return Source(
        Meaning(stack.detector, "tzyx", space="own"),
        np.dtype(np.float32),
        stack.stamp.sha256(),
        facts,
        partial(
            _slabs, stack, set(kept.tolist()), partial(LineIntegrals, path, scan, stack.dtype, air), repairs
        ),
        repairs,
        len(kept),
        {role: file_sha256(file) for role, file in files.items()},
    )


def _slabs(
    stack: Stack,
    kept: set[int],
    conversion: Callable[[], LineIntegrals],
    repairs: list[Repair],
    count: int,
) -> Iterator[NDArray[np.float32]]:
    """Yield line integrals (views, V, U), some at a time."""
    integrals, waiting = conversion(), []
    for n, view in enumerate(stack.read(repairs)):
        if n in kept:
            waiting.append(integrals.of(view))
        if len(waiting) == count:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)
    repairs += integrals.finish()


def _rows(path: Path, stack: Stack, rows: int, repairs: list[Repair]) -> NDArray[np.intp]:
    """The row of the geometry that each view belongs to: by its number where files have one."""
    if stack.count == rows:
        if stack.numbers is None or stack.numbers[-1] - stack.numbers[0] + 1 == rows:
            return np.arange(rows)
    elif stack.numbers is not None and stack.numbers[-1] - stack.numbers[0] + 1 == rows:
        missing = rows - stack.count
        repairs.append(
            Repair(
                "PROJECTIONS-MISSING", "files", f"{missing} of {rows} numbers missing", "their rows left out"
            )
        )
        return np.array(stack.numbers) - stack.numbers[0]
    numbered = f", numbered {stack.numbers[0]} to {stack.numbers[-1]}" if stack.numbers else ""
    raise InputError(
        "PROJECTIONS-COUNT",
        file=path,
        field="views",
        found=f"{stack.count} projections{numbered}",
        expected=f"{rows}, as the geometry has rows",
        fix="bring back what is missing, or write the geometry again: an order would be a guess",
    )


def _without_copies(stack: Stack, repairs: list[Repair]) -> NDArray[np.intp]:
    """The numbers of the views that are no copies of an earlier one."""
    first: dict[str, int] = {}
    for n, digest in enumerate(stack.digests()):
        first.setdefault(digest, n)
    copies = stack.count - len(first)
    if copies:
        found = f"{copies} projections that are copies of earlier ones"
        repairs.append(
            Repair("PROJECTIONS-COPY", "views", found, "left out, with their rows of the geometry")
        )
    return np.array(sorted(first.values()))


def _check_arc(path: Path, views: Views, scan: Scan) -> None:
    """Refuse an arc of a few degrees, and a gantry that turns the other way."""
    gap = angular_gap(views.gantry_deg)
    if 360 - gap < LEAST_ARC and len(views) > 1:
        raise _contradicts(
            path, "GantryAngle", f"an arc of {360 - gap:.3g} degrees", "that of a scan; are these radians?"
        )
    steps = np.mod(np.diff(views.gantry_deg) + 180, 360) - 180
    forward = (steps > 0).sum() - (steps < 0).sum()
    wanted = 1 if scan.rotation == "clockwise" else -1
    if len(steps) and wanted * forward < 0.8 * len(steps):
        found = f"{(steps > 0).sum()} of {len(steps)} steps clockwise"
        raise _contradicts(path, "GantryAngle", found, f"a gantry that turns {scan.rotation}, as it was said")


def _check_fan(path: Path, views: Views, detector: Geometry, scan: Scan) -> None:
    """Refuse a detector that is not where the acquisition file has it."""
    matrices = views.matrices()
    axis = matrices[:, 0, 3] / matrices[:, 2, 3]
    _, _, width = detector.shape
    left = axis - detector.origin[0]
    right = detector.origin[0] + (width - 1) * detector.spacing[2] - axis
    if min(left.min(), right.min()) <= 0:
        raise _contradicts(path, "detector", "the axis outside of it", "a detector that sees the axis")
    shift = float(np.median(np.abs(right - left) / (right + left)))
    if (shift >= DISPLACED) != (scan.fan == "half"):
        found = f"a detector whose middle is off the axis by {shift / 2:.1%} of its width"
        raise _contradicts(path, "fan", found, f"that of a {scan.fan} fan, as it was said")


def _breathing(path: Path | None, scan: Scan, rows: int, repairs: list[Repair]) -> Breathing:
    if path is None:
        times = np.arange(rows) / scan.views_per_second if scan.views_per_second else None
        return Breathing(times, None, None)
    return read_breathing(path, scan, rows, repairs)


def _columns(breathing: Breathing, rows: NDArray[np.intp]) -> dict[str, list[float | None]]:
    """The breathing of some rows as plain values: None where nothing is known."""
    columns = {"time_s": breathing.time_s, "amplitude": breathing.amplitude, "phase": breathing.phase}
    return {
        name: [float(value) if np.isfinite(value) else None for value in column[rows]]
        for name, column in columns.items()
        if column is not None
    }


def _air(path: Path | None, scan: Scan, stack: Stack, repairs: list[Repair]) -> NDArray[np.float64] | None:
    if path is None:
        return None
    flat = open_views(path, repairs)
    if flat.detector.shape != stack.detector.shape:
        raise InputError(
            "PROJECTIONS-DIFFER",
            file=path,
            field="size",
            found=flat.detector.shape[1:],
            expected=f"{stack.detector.shape[1:]}, as the projections",
            fix="give the air of the same detector",
        )
    return air_of(path, list(flat.read(repairs)), scan, repairs)


def _contradicts(path: Path, field: str, found: str, expected: str) -> InputError:
    return InputError(
        f"SCAN-{field.upper()}",
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="correct the geometry, or the acquisition file",
    )
