"""Slices in their order, and the grid of the volume that they make."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, as_affine
from medscience.ingest.dicom.form import Form
from medscience.ingest.dicom.header import Frame

TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in their order, and the grid of the volume."""

    volumes: list[list[Frame]]
    """Frames of one volume, or of each of several in time, all on the same places."""
    geometry: Geometry
    shifts: NDArray[np.float64]
    """Rows and columns (N, 2) by which slice n lies further along than the grid's; all 0 where it fits."""
    places: NDArray[np.float64]
    """Where in the frames each slice of the volume lies: whole numbers where none is interpolated."""

    @property
    def frames(self) -> list[Frame]:
        """Those of the first volume."""
        return self.volumes[0]

    @property
    def every(self) -> list[Frame]:
        """The frames of all volumes, one volume after the other."""
        return [frame for volume in self.volumes for frame in volume]

    @property
    def is_resampled(self) -> bool:
        """Whether any voxel is interpolated."""
        return bool(self.shifts.any()) or not np.array_equal(self.places, np.arange(len(self.frames)))


def plain(
    volumes: list[list[Frame]],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    plane: NDArray[np.float64],
    forms: dict[int, Form],
    places: NDArray[np.float64] | None = None,
) -> Stack:
    """Stack slices as they lie, a step apart; those at `places` between them are interpolated."""
    places = np.arange(len(volumes[0]), dtype=np.float64) if places is None else places
    form = forms[id(volumes[0][0].instance)]
    geometry = _grid((len(places), form.rows, form.columns), origin, step, plane)
    return Stack(volumes, geometry, np.zeros((len(volumes[0]), 2)), places)


def upright(
    volumes: list[list[Frame]],
    points: NDArray[np.float64],
    places: NDArray[np.float64],
    plane: NDArray[np.float64],
    normal: NDArray[np.float64],
    forms: dict[int, Form],
) -> Stack:
    """Stack leaning slices on the grid with right angles that holds all of every one of them."""
    shifts = (points - points[0]) @ plane / np.sum(plane**2, axis=0)
    least, most = np.floor(shifts.min(axis=0)), np.ceil(shifts.max(axis=0))
    form = forms[id(volumes[0][0].instance)]
    rows, columns = np.array([form.rows, form.columns]) + (most - least).astype(int)
    height = float((points[-1] - points[0]) @ normal)
    step = normal * height / (len(places) - 1)
    geometry = _grid((len(places), int(rows), int(columns)), points[0] + plane @ least, step, plane)
    return Stack(volumes, geometry, shifts - least, places)


def _grid(
    shape: tuple[int, int, int],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    plane: NDArray[np.float64],
) -> Geometry:
    matrix = np.eye(4)
    matrix[:3] = TO_RAS @ np.column_stack([step, plane, origin])
    return Geometry(shape, as_affine(matrix))
