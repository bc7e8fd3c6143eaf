"""What is seen of a case: places, planes, greys and phases."""

from typing import Any

import numpy as np
from napari.layers import Shapes

from medscience.geometry import Triple
from napari_medscience.review.case import Case
from napari_medscience.review.crosshair import crosshair, crosshair_layer, move, redraw
from napari_medscience.review.greys import CT, Window, is_ct
from napari_medscience.review.screen import Screen

PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The axis of z, y, x along which slices are shown."""


class View:
    """The view of one case.

    Parameters
    ----------
    viewer : ViewerModel
        In which the case is shown.
    case : Case
        What is shown.
    screen : Screen
        Its layers.
    places : tuple of tuple of float
        Where the queue says that one should look, the worst first, in RAS+ millimetres.
    """

    def __init__(self, viewer: Any, case: Case, screen: Screen, places: tuple[Triple, ...]) -> None:  # noqa: ANN401
        self.viewer, self.case, self.screen, self.places = viewer, case, screen, places
        self.world: Triple | None = None
        """Where the crosshair is, in RAS+ millimetres."""
        self.at = -1
        """Which of the places was visited last."""
        self._cross: Shapes | None = None
        self._window = 0

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of grey that suit the image."""
        return CT if is_ct(self.case.image.image.meaning) else ()

    def window(self, window: Window) -> None:
        """Show the image in a window of grey."""
        least, most = self.screen.image.contrast_limits_range
        low, high = window.limits
        self.screen.image.contrast_limits_range = (min(low, least), max(high, most))
        self.screen.image.contrast_limits = window.limits

    def next_window(self) -> None:
        """Show the image in the next window of grey, if there are any for it."""
        if self.windows:
            self._window = (self._window + 1) % len(self.windows)
            self.window(self.windows[self._window])

    def plane(self, name: str) -> None:
        """Show axial, coronal or sagittal slices."""
        lead = self.viewer.dims.ndim - 3
        axis = PLANES[name]
        others = [n for n in range(3) if n != axis]
        self.viewer.dims.ndisplay = 2
        self.viewer.dims.order = (*range(lead), *(lead + n for n in (axis, *others)))
        self.viewer.reset_view()

    def next_plane(self) -> None:
        """Show the next of the three planes."""
        lead = self.viewer.dims.ndim - 3
        now = self.viewer.dims.order[lead] - lead
        self.plane(list(PLANES)[(now + 1) % 3])
        if self.world:
            move(self.viewer, self.case.where(self.world))

    def reset(self) -> None:
        """Show the whole axial slice in the middle."""
        self.plane("axial")

    def go(self, world: Triple) -> None:
        """Put the crosshair at a place in RAS+ millimetres, and bring it into view."""
        self.world = world
        place = self.case.where(world)
        move(self.viewer, place)
        low, high = self.screen.image.extent.world[:, -3:]
        lines = crosshair(place, low, high)
        if self._cross is None or self._cross not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self._cross = self.viewer.add_layer(crosshair_layer(lines, self._line_width))
            self.viewer.layers.selection.active = active
        else:
            redraw(self._cross, lines)

    def jump(self, number: int) -> bool:
        """Go to one of the places that the queue names; False if there are none."""
        if not self.places:
            return False
        self.at = number % len(self.places)
        self.go(self.places[self.at])
        return True

    def next_place(self) -> bool:
        """Go to the next of the places; False if there are none."""
        return self.jump(self.at + 1)

    def here(self) -> None:
        """Put the crosshair under the cursor."""
        position = tuple(self.viewer.cursor.position[-3:])
        self.go(self.case.world(position))

    def labels(self) -> None:
        """Hide the labels, or show them again."""
        self.screen.labels.visible = not self.screen.labels.visible

    def close(self) -> None:
        """Take the crosshair away."""
        if self._cross is not None and self._cross in self.viewer.layers:
            self.viewer.layers.remove(self._cross)
        self._cross = None

    @property
    def _line_width(self) -> float:
        return float(np.min(self.screen.image.scale[-3:])) * 0.7
