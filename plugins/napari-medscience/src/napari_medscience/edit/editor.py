"""The tools, at the place under the cursor."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer

from medscience.errors import InputError, MedscienceError
from medscience.image import LazyArray
from napari_medscience.edit.between import fill_between
from napari_medscience.edit.grow import grow
from napari_medscience.edit.layer import CorrectedLabels
from napari_medscience.edit.parts import Place, merge, remove_islands, split


@dataclass
class Editor:
    """What a person does with labels beside painting: each is one step, and is undone as one."""

    viewer: Any
    layer: CorrectedLabels
    image: ImageLayer
    """On the labels' grid; it may have an axis of time that they have not."""
    values: frozenset[int]
    """The labels that may be painted."""
    tell: Callable[[str], None]
    """Hears in a line what was done, or why not."""
    reach_mm: float = 40.0
    """How far growing and islands go from the cursor."""
    island_mm3: float = 500.0
    """Smaller parts are islands."""
    spread: float = 2.5
    """How different a voxel may be from the seed, in standard deviations of its surroundings."""
    painted: set[tuple[int, int, int]] = field(default_factory=set)
    """Axis, index and label of the slices that were painted since the last time between them was filled."""
    _label: int = 1

    def __post_init__(self) -> None:
        self.layer.events.paint.connect(self._note)
        self.layer.events.selected_label.connect(self._keep_to_labels)
        self._label = min(self.values, default=1)
        self.layer.selected_label = self._label

    def interpolate(self) -> None:
        """Fill the label in between the slices on which it was painted."""
        axis = self._axis
        slices = [index for along, index, label in self.painted if (along, label) == (axis, self._label)]
        lead = self._lead

        def between() -> str:
            count = fill_between(self.layer.data, lead, axis, slices, self._label, self._spacing)
            self.painted = {one for one in self.painted if one[0] != axis or one[2] != self._label}
            return f"{count} slices filled" if count else "paint the label on two slices first"

        self._do(between)

    def grow(self) -> None:
        """Grow the label over background like that under the cursor."""
        self._do(
            lambda: self._count(
                grow(
                    self.layer.data,
                    self._grey,
                    self._place,
                    self._label,
                    spread=self.spread,
                    reach=self._reach,
                ),
                "grown by",
            )
        )

    def merge(self) -> None:
        """Give the part under the cursor the selected label."""
        self._do(lambda: self._count(merge(self.layer.data, self._place, self._label), "merged"))

    def remove(self) -> None:
        """Remove the part under the cursor."""
        self._do(lambda: self._count(merge(self.layer.data, self._place, 0), "removed"))

    def split(self) -> None:
        """Cut the part under the cursor at its neck; the piece under the cursor gets the selected label."""
        self._do(
            lambda: self._count(split(self.layer.data, self._place, self._label, self._spacing), "cut off")
        )

    def remove_islands(self) -> None:
        """Remove small parts of the selected label around the cursor."""
        smaller = int(self.island_mm3 / np.prod(self._spacing))
        self._do(
            lambda: self._count(
                remove_islands(self.layer.data, self._place, self._label, smaller, self._reach), "removed"
            )
        )

    def _do(self, task: Callable[[], str]) -> None:
        try:
            said = task()
        except MedscienceError as fault:
            said = f"{fault.field}: {fault.found}; {fault.fix}"
        self.layer.end_step()
        self.layer.refresh()
        self.tell(said)

    def _count(self, voxels: int, done: str) -> str:
        return f"{done} {voxels * float(np.prod(self._spacing)) / 1000:.2f} ml"

    def _note(self, event: object) -> None:
        """Remember which slice was painted: brushes of one slice only."""
        if self.layer.n_edit_dimensions == 2 and self.viewer.dims.ndisplay == 2:
            index = self._index(self.viewer.dims.point)[-3:][self._axis]
            self.painted.add((self._axis, index, self._label))

    def _keep_to_labels(self, event: object) -> None:
        """Refuse numbers that stand for nothing: they could not be saved."""
        wanted = int(self.layer.selected_label)
        if wanted in self.values:
            self._label = wanted
        elif wanted != 0:
            self.layer.selected_label = self._label
            self.tell(f"{wanted} stands for no label of the model")

    @property
    def _axis(self) -> int:
        """The axis of z, y, x along which slices are shown."""
        lead: int = self.viewer.dims.ndim - 3
        axis: int = self.viewer.dims.order[lead] - lead
        return axis

    @property
    def _place(self) -> Place:
        place = self._index(self.viewer.cursor.position)
        if any(not 0 <= n < size for n, size in zip(place, self.layer.data.shape, strict=True)):
            raise InputError(
                "EDIT-OUTSIDE",
                field="cursor",
                found="outside of the image",
                expected="a place in it",
                fix="point at one",
            )
        return place

    def _index(self, world: Any) -> Place:  # noqa: ANN401 - napari's
        position = np.asarray(world)[-self.layer.ndim :]
        return tuple(int(n) for n in np.round(self.layer.world_to_data(position)))

    @property
    def _grey(self) -> LazyArray:
        """The image's voxels at full resolution, at the time that is shown if the labels have none."""
        data = self.image.data[0] if self.image.multiscale else self.image.data
        now = np.round(self.image.world_to_data(np.asarray(self.viewer.dims.point)[-self.image.ndim :]))
        found: LazyArray = data[tuple(int(n) for n in now[: data.ndim - self.layer.ndim])]
        return found

    @property
    def _lead(self) -> Place:
        return self._index(self.viewer.dims.point)[:-3]

    @property
    def _spacing(self) -> tuple[float, float, float]:
        z, y, x = (float(side) for side in self.layer.scale[-3:])
        return z, y, x

    @property
    def _reach(self) -> Place:
        return tuple(max(round(self.reach_mm / side), 1) for side in self._spacing)
