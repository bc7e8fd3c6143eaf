"""From what a detector counts to line integrals of attenuation, by Beer and Lambert: ln(I0 / I)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medscience.config.acquisition import Scan
from medscience.errors import InputError
from medscience.ingest.source import Repair

DARKEST = 12.0
"""The largest line integral: 16 bits reach 11, and 60 cm of water have 12."""
RANGE = (-1.0, 20.0)
"""What line integrals can be that someone else made."""
BRIGHTEST = (-1.0, 4.6)
"""The smallest line integral of a scan: its brightest pixel has between 1 % and e times the count of air."""


class LineIntegrals:
    """Makes line integrals of stored numbers, view by view, and keeps count of what could not be right.

    Parameters
    ----------
    path : Path
        The projections, for errors.
    scan : Scan
        The acquisition file.
    dtype : dtype
        Of the stored numbers.
    air : ndarray or None
        Counts without a patient (V, U), from `air_of`.
    """

    def __init__(
        self, path: Path, scan: Scan, dtype: "np.dtype[Any]", air: NDArray[np.float64] | None
    ) -> None:
        self.path, self.scan = path, scan
        self._full = np.iinfo(dtype).max if dtype.kind == "u" else None
        self._air = scan.i0 if air is None else air
        self._least, self._most = np.inf, -np.inf
        self._dark = self._saturated = self._pixels = 0
        if scan.values == "inverted-counts" and self._full is None:
            raise self._refused(f"pixels of type {dtype}", "whole numbers without a sign, to be inverted")

    def of(self, view: NDArray[Any]) -> NDArray[np.float32]:
        """Return the line integrals of a view (V, U)."""
        values = view.astype(np.float64)
        found = values if self.scan.values == "line-integrals" else self._logarithm(values)
        self._pixels += values.size
        self._least, self._most = min(self._least, found.min()), max(self._most, found.max())
        return found.astype(np.float32)

    def _logarithm(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.scan.values == "inverted-counts" and self._full is not None:
            self._saturated += int((values == 0).sum())
            values = self._full + 1 - values
        elif self._full is not None:
            self._saturated += int((values == self._full).sum())
        floor = np.asarray(self._air) * np.exp(-DARKEST)
        self._dark += int((values < floor).sum())
        logarithm: NDArray[np.float64] = np.log(self._air / np.maximum(values, floor))
        return logarithm

    def finish(self) -> list[Repair]:
        """Return what was put right, once all views are through.

        Raises
        ------
        InputError
            If the numbers as a whole cannot be what the acquisition file says they are.
        """
        if self.scan.values == "line-integrals":
            if self._least < RANGE[0] or self._most > RANGE[1]:
                found = f"{self._least:.4g} to {self._most:.4g}"
                raise self._refused(found, f"line integrals, {RANGE[0]:g} to {RANGE[1]:g}; are they counts?")
            return []
        if not BRIGHTEST[0] <= self._least <= BRIGHTEST[1] or self._dark > self._pixels / 2:
            found = (
                f"line integrals of {self._least:.3g} and more, {self._dark} of {self._pixels} pixels dark"
            )
            raise self._refused(found, "counts relative to those of air; are they line integrals already?")
        repairs = []
        if self._dark:
            found = f"{self._dark} pixels of all views without a count, or with a negative one"
            repairs.append(Repair("PROJECTIONS-DARK", "pixels", found, f"line integral {DARKEST:g}"))
        if self._saturated:
            found = f"{self._saturated} pixels of all views with the largest count"
            repairs.append(Repair("PROJECTIONS-SATURATED", "pixels", found, "kept as that count"))
        return repairs

    def _refused(self, found: str, expected: str) -> InputError:
        return InputError(
            "PROJECTIONS-RANGE",
            file=self.path,
            field="values",
            found=found,
            expected=expected,
            fix="correct values, i0 or air in the acquisition file",
        )


def air_of(path: Path, views: list[NDArray[Any]], scan: Scan, repairs: list[Repair]) -> NDArray[np.float64]:
    """Return the count of each pixel without a patient, the mean of some views.

    Raises
    ------
    InputError
        If pixels have no count, unless they are to take that of the nearest one that has.
    """
    air: NDArray[np.float64] = np.mean([view.astype(np.float64) for view in views], axis=0)
    if scan.values == "inverted-counts":
        air = np.iinfo(views[0].dtype).max + 1 - air
    dead = air <= 0
    if dead.all() or (dead.any() and scan.dead_pixels is None):
        raise InputError(
            "PROJECTIONS-AIR",
            file=path,
            field="pixels",
            found=f"{dead.sum()} of {dead.size} without a count",
            expected="a count in each",
            fix="measure air again, or set dead_pixels: interpolate in the acquisition file",
        )
    if dead.any():
        nearest = distance_transform_edt(dead, return_distances=False, return_indices=True)
        air = air[tuple(nearest)]
        repairs.append(
            Repair("PROJECTIONS-AIR", "pixels", f"{dead.sum()} without a count", "their neighbour's")
        )
    return air
