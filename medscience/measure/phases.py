"""Phases before and after they were restored, as a table: a row for each phase and region."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.measure.fidelity import field_of_view, motion_rmse, regions_of, rmse, ssim
from medscience.measure.streaks import streak_index
from medscience.measure.trajectory import displacement, kept

Phases = NDArray[np.floating]
Mask = NDArray[np.bool_]

NUMBERS = ("rmse_hu", "ssim", "streak_hu_per_mm", "shift_x_mm", "shift_y_mm", "shift_z_mm")
"""Each once of the restored phases, and once, as ``given_…``, of those that the network was given."""
WORDS = pa.schema([("sample", pa.string()), ("model", pa.string()), ("region", pa.string())])
COUNTS = pa.schema([("phase", pa.int64()), ("voxels", pa.int64())])
VALUES = ("change_hu", *NUMBERS, *(f"given_{name}" for name in NUMBERS))
ASSESSED = pa.schema([*WORDS, *COUNTS, *(pa.field(name, pa.float64()) for name in VALUES)])
"""``change_hu``: root mean square of what was changed; shifts are the tumour's, from where it truly is."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is compared with."""

    phases: Phases
    """Shape (T, Z, Y, X), HU."""
    tumour: Mask | None = None
    """Likewise."""


def assess(
    given: Phases, restored: Phases, geometry: Geometry, radius_mm: float, truth: Truth | None = None
) -> list[dict[str, Any]]:
    """Return what a network made of phases, row by row.

    Parameters
    ----------
    given, restored : ndarray, shape (T, Z, Y, X)
        In Hounsfield units.
    radius_mm : float
        Of the field of view about the world's z: nothing outside counts.
    truth : Truth, optional
        Without it, body and lungs are those of the restored phases, and only the change is known.
    """
    seen = field_of_view(geometry, radius_mm)
    regions = {name: mask & seen for name, mask in regions_of(truth.phases if truth else restored).items()}
    if truth is not None and truth.tumour is not None:
        regions["tumour"] = truth.tumour & seen
    rows = []
    for region, inside in regions.items():
        columns: dict[str, NDArray[np.float64]] = {}
        if truth is not None:
            columns = _compared(restored, truth, region, inside, geometry)
            before = _compared(given, truth, region, inside, geometry)
            columns |= {f"given_{name}": values for name, values in before.items()}
        changes = _of_phases(rmse, restored, given, inside)
        for phase, mask in enumerate(inside):
            numbers = {name: float(values[phase]) for name, values in columns.items()}
            row = {"phase": phase, "region": region, "voxels": int(mask.sum())}
            rows.append(row | {"change_hu": float(changes[phase])} | numbers)
    return rows


def table(sample: str, model: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table with the columns of `ASSESSED`; what is not known is empty."""
    known = [{"sample": sample, "model": model} | row for row in rows]
    finite = [{key: _or_none(value) for key, value in row.items()} for row in known]
    return pa.Table.from_pylist(finite, ASSESSED)


def motion(
    given: Phases, restored: Phases, geometry: Geometry, radius_mm: float, truth: Truth
) -> dict[str, float]:
    """Return what is known of all phases together: the error of the motion, and of a path what is kept.

    Of the restored phases, and as ``given_…`` of those before.
    """
    body = regions_of(truth.phases)["body"].any(axis=0) & field_of_view(geometry, radius_mm)
    found = {}
    for prefix, phases in (("", restored), ("given_", given)):
        found[f"{prefix}motion_rmse_hu"] = motion_rmse(phases, truth.phases, body)
        if truth.tumour is not None and truth.tumour.any(axis=(1, 2, 3)).all():
            path = centroids(truth.tumour, geometry)
            shifts = _shifts(phases, truth, geometry)
            found[f"{prefix}tumour_error_mm"] = float(np.linalg.norm(shifts, axis=1).mean())
            found[f"{prefix}amplitude_kept"] = kept(path + shifts, path)
    return found


def centroids(inside: Mask, geometry: Geometry) -> NDArray[np.float64]:
    """Return the centroid of a mask in each phase, (T, 3), RAS+ millimetres."""
    return np.stack([geometry.world(np.argwhere(mask).mean(axis=0)) for mask in inside])


def _compared(
    phases: Phases, truth: Truth, region: str, inside: Mask, geometry: Geometry
) -> dict[str, NDArray[np.float64]]:
    """Every number of a region, phase by phase."""
    found = {
        "rmse_hu": _of_phases(rmse, phases, truth.phases, inside),
        "ssim": _of_phases(ssim, phases, truth.phases, inside),
        "streak_hu_per_mm": np.array(
            [
                streak_index(one[None], other[None], mask[None], geometry)[0] if mask.any() else np.nan
                for one, other, mask in zip(phases, truth.phases, inside, strict=True)
            ]
        ),
    }
    if region == "tumour" and inside.any(axis=(1, 2, 3)).all():
        shifts = _shifts(phases, truth, geometry)
        found |= {f"shift_{axis}_mm": shifts[:, n] for n, axis in enumerate("xyz")}
    return found


def _of_phases(measure: Any, phases: Phases, other: Phases, inside: Mask) -> NDArray[np.float64]:  # noqa: ANN401
    """A measure of each phase; not a number where there is nothing."""
    pairs = zip(phases, other, inside, strict=True)
    return np.array([measure(a[None], b[None], m[None])[0] if m.any() else np.nan for a, b, m in pairs])


def _shifts(phases: Phases, truth: Truth, geometry: Geometry) -> NDArray[np.float64]:
    """How far the tumour is from its place, in each phase."""
    if truth.tumour is None:
        return np.empty((0, 3))
    known = zip(phases, truth.phases, truth.tumour, strict=True)
    return np.stack([displacement(image, true, inside, geometry) for image, true, inside in known])


def _or_none(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value
