"""How a model does on the livers of a cohort, from the rows of its cases and lesions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medscience.measure.livers import DISTANCES, HALF, LITS, OBJECTS
from medscience.measure.statistics import Interval, bootstrap

Row = Mapping[str, Any]
LEAST_MM = 5.0
"""Longest diameter from which on a lesion of the reference counts in the second recall."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Lesions that overlap one of the other side enough, of all; None where there are none."""

    precision: float | None
    recall: float | None
    recall_large: float | None
    """Of lesions of `LEAST_MM` and more."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one model, over the cases that have a reference."""

    cases: int
    liver_dice: Interval | None
    """Mean over cases."""
    tumour_dice: Interval | None
    """Mean over the cases whose reference has lesions."""
    lesion_free: int
    """Cases whose reference has none."""
    lesion_free_found: int
    """Those of them in which the model found one."""
    liver_dice_global: float | None
    """Of the voxels of all cases together."""
    tumour_dice_global: float | None
    any_overlap: Detected
    """From an intersection over union of more than 0."""
    half: Detected
    """From 0.5 on."""
    distances: Mapping[str, Interval]
    """Mean over the cases that have both surfaces, in millimetres, by the column of the cases."""
    lits: Mapping[str, float]
    """By LiTS's names and definitions."""


def scores(cases: Iterable[Row], lesions: Iterable[Row]) -> Scores | None:
    """Return the scores of a model, or None if no case has a reference.

    Parameters
    ----------
    cases : iterable of dict
        Rows of `medscience.measure.livers.LIVERS`.
    lesions : iterable of dict
        Rows of `medscience.measure.lesions.LESIONS` of the same cases.
    """
    known = [case for case in cases if case["reference_lesions"] is not None]
    if not known:
        return None
    compared = [lesion for lesion in lesions if lesion["best_iou"] is not None]
    free = [case for case in known if not case["reference_tumour_voxels"]]
    return Scores(
        cases=len(known),
        liver_dice=_mean(known, "liver_dice"),
        tumour_dice=_mean(known, "tumour_dice"),
        lesion_free=len(free),
        lesion_free_found=sum(case["lesions"] > 0 for case in free),
        liver_dice_global=_global_dice(known, "liver"),
        tumour_dice_global=_global_dice(known, "tumour"),
        any_overlap=_detected(compared, 0.0),
        half=_detected(compared, HALF),
        distances={
            name: mean
            for name in (f"{part}_{number}" for part in OBJECTS for number in DISTANCES)
            if (mean := _mean(known, name))
        },
        lits=dict(_as_in_lits(known)),
    )


def _mean(cases: Sequence[Row], name: str) -> Interval | None:
    values = [case[name] for case in cases if case[name] is not None]
    return bootstrap(values) if values else None


def _global_dice(cases: Sequence[Row], name: str) -> float | None:
    shared = sum(case[f"shared_{name}_voxels"] for case in cases)
    both = sum(case[f"{name}_voxels"] + case[f"reference_{name}_voxels"] for case in cases)
    return 2 * shared / both if both else None


def _detected(lesions: Sequence[Row], least: float) -> Detected:
    found = [one for one in lesions if one["side"] == "found"]
    reference = [one for one in lesions if one["side"] == "reference"]
    large = [one for one in reference if one["longest_mm"] >= LEAST_MM]
    return Detected(*(_share(some, least) for some in (found, reference, large)))


def _share(lesions: Sequence[Row], least: float) -> float | None:
    matched = sum(one["best_iou"] > 0 and one["best_iou"] >= least for one in lesions)
    return matched / len(lesions) if lesions else None


def _as_in_lits(cases: Sequence[Row]) -> Iterable[tuple[str, float]]:
    """Yield LiTS's numbers; those of lesions are means over detected lesions, all others over cases."""
    detected, missed, false = (
        sum(case[f"lits_{name}"] for case in cases) for name in ("detected", "missed", "false_positives")
    )
    if detected + false:
        yield "lesion_precision", detected / (detected + false)
    if detected + missed:
        yield "lesion_recall", detected / (detected + missed)
    for name in LITS:
        known = [case for case in cases if case[name] is not None]
        if not known:
            continue
        values = np.array([case[name] for case in known])
        short = name.removeprefix("lits_")
        if name == "lits_tumour_burden_difference":
            yield "RMSE_Tumorburden", float(np.sqrt((values**2).mean()))
            yield "MAXERROR_Tumorburden", float(values.max())
        elif name.startswith("lits_lesions"):
            weights = [case["lits_matches"] for case in known]
            yield short.replace("lesions", "lesion"), float(np.average(values, weights=weights))
        else:
            yield short.replace("_dice", "_dice_per_case"), float(values.mean())
    for name in ("liver", "tumour"):
        value = _global_dice(cases, name)
        if value is not None:
            yield f"{name}_dice_global", value
