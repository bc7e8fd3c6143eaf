"""What is seen of a case: places, planes, greys and phases."""

from typing import Any

import numpy as np
from napari.layers import Shapes

from medscience.geometry import Triple
from medscience.image import Meaning
from medscience.review.queue import Place
from napari_medscience.ellipses.screen import FrameScreen
from napari_medscience.ellipses.work import FramesCase
from napari_medscience.review.case import Case
from napari_medscience.review.crosshair import centre, crosshair, crosshair_layer, move, redraw
from napari_medscience.review.greys import CT, Window, is_ct
from napari_medscience.review.screen import Screen

PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The axis of z, y, x along which slices are shown."""

CLOSE = 1.2
"""How much larger than as a whole a slice must be shown for a place to be brought to the middle."""


class View:
    """The view of one case.

    Parameters
    ----------
    viewer : ViewerModel
        In which the case is shown.
    case : Case or FramesCase
        What is shown.
    screen : Screen or FrameScreen
        Its layers.
    places : tuple of Place
        Where and when the queue says that one should look, the worst first, in RAS+ millimetres.
    """

    def __init__(
        self,
        viewer: Any,  # noqa: ANN401 - napari is untyped
        case: Case | FramesCase,
        screen: Screen | FrameScreen,
        places: tuple[Place, ...],
    ) -> None:
        self.viewer, self.case, self.screen, self.places = viewer, case, screen, places
        self.world: Triple | None = None
        """Where the crosshair is, in RAS+ millimetres."""
        self.at = -1
        """Which of the places was visited last."""
        self._cross: Shapes | None = None
        self._window = 0
        self._whole = 1.0

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
        self.fit()

    def fit(self) -> None:
        """Show the whole of the slice."""
        self.viewer.reset_view(margin=0.02)
        self._whole = float(self.viewer.scene.camera.zoom)

    @property
    def is_volume(self) -> bool:
        """Whether there are other planes than the one of the frames."""
        return self.case.grid.shape[0] > 1

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
        if self.viewer.scene.camera.zoom > CLOSE * self._whole:
            centre(self.viewer, place)
        image = self.screen.image
        at = {key: getattr(image, key)[-3:] for key in ("scale", "translate", "axis_labels", "units")}
        voxel = np.round((np.array(place) - at["translate"]) / at["scale"]).astype(int)
        lines = crosshair(voxel.tolist(), self.case.grid.shape)
        if self._cross is None or self._cross not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self._cross = self.viewer.add_layer(crosshair_layer(lines, at))
            self.viewer.layers.selection.active = active
        else:
            redraw(self._cross, lines)

    def jump(self, number: int) -> bool:
        """Go to one of the places that the queue names; False if there are none."""
        if not self.places:
            return False
        self.at = number % len(self.places)
        place, frame = self.places[self.at]
        if frame is not None and self.times > 1:
            self.viewer.dims.set_current_step(0, min(frame, self.times - 1))
        self.go(place)
        return True

    def next_place(self) -> bool:
        """Go to the next of the places; False if there are none."""
        return self.jump(self.at + 1)

    def here(self) -> None:
        """Put the crosshair under the cursor."""
        position = tuple(self.viewer.cursor.position[-3:])
        self.go(self.case.world(position))

    @property
    def times(self) -> int:
        """How many volumes or frames there are; 1 without an axis of time."""
        axes = self.case.image.image.meaning.axes
        return self.case.image.image.shape[0] if axes.startswith("t") else 1

    @property
    def time(self) -> str:
        """Which volume or frame is shown, in words."""
        if self.times == 1:
            return ""
        now = self.viewer.dims.current_step[0]
        return time_name(self.case.image.image.meaning, now, self.times)

    def next_time(self, by: int = 1) -> None:
        """Show the next volume or frame; after the last the first."""
        if self.times > 1:
            self.viewer.dims.set_current_step(0, (self.viewer.dims.current_step[0] + by) % self.times)

    def previous_time(self) -> None:
        """Show the volume or frame before."""
        self.next_time(-1)

    def labels(self) -> None:
        """Hide the labels, or show them again."""
        self.screen.labels.visible = not self.screen.labels.visible

    def confidence(self) -> None:
        """Show how sure the network was, if that was kept, or hide it again."""
        layer = self.screen.confidence if isinstance(self.screen, Screen) else None
        if layer is not None:
            layer.visible = not layer.visible

    def close(self) -> None:
        """Take the crosshair away."""
        if self._cross is not None and self._cross in self.viewer.layers:
            self.viewer.layers.remove(self._cross)
        self._cross = None


def time_name(meaning: Meaning, number: int, count: int) -> str:
    """Return what a volume or frame in time is called.

    >>> from medscience.geometry import Geometry
    >>> time_name(Meaning(Geometry.own((8, 8, 8)), "tzyx"), 3, 10)
    'phase 30 %'
    >>> time_name(Meaning(Geometry.own((8, 8, 8)), "tzyx", time_step=0.4), 3, 10)
    'volume 3 of 0 to 9, 1.20 s'
    >>> time_name(Meaning(Geometry.own((1, 8, 8)), "tzyx", time_step=0.001), 3, 10)
    'frame 3, 3.00 ms'
    """
    frames = meaning.geometry.shape[0] == 1
    if meaning.time_step is None:
        return f"frame {number}" if frames else f"phase {100 * number / count:.0f} %"
    seconds = float(meaning.times(count)[number])
    if frames:
        return f"frame {number}, {1000 * seconds:.2f} ms"
    return f"volume {number} of 0 to {count - 1}, {seconds:.2f} s"
