"""Ellipses of a recording on the desk: moved, pulled, turned, counted, saved, and committed in the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.antinode import Antinode
from medscience.description import file_sha256
from medscience.detections import as_table, from_table
from medscience.errors import InputError, MismatchError
from medscience.geometry import Geometry, Triple
from medscience.review.drafts import FOLDER
from medscience.review.ellipses import save_ellipses
from medscience.review.ledger import Ledger
from medscience.review.verdict import Correction, Shown
from medscience.store.images import StoredImage, open_image
from medscience.store.tables import read_table
from napari_medscience.ellipses.corners import ellipse_in
from napari_medscience.ellipses.drawn import Drawn, with_rings
from napari_medscience.ellipses.screen import FAINT, draw, show_frames
from napari_medscience.review.autosave import Autosave
from napari_medscience.review.case import Reviewer
from napari_medscience.review.run import Run

STEP = 0.5
"""Rings by which a key changes a count."""


@dataclass(frozen=True, slots=True)
class FramesCase:
    """What is open of a recording."""

    model: str
    sample: str
    image: StoredImage
    drawn: Drawn
    draft: Path
    resumed: int
    """How many frames of an earlier sitting's edits were found."""
    notice: str
    shown: Shown

    @property
    def grid(self) -> Geometry:
        """The grid of a frame."""
        return self.image.image.geometry

    def where(self, world: Triple) -> tuple[float, ...]:
        """Return the place (z, y, x) on the screen of a place (x, y, z)."""
        return world[::-1]

    def world(self, place: tuple[float, ...]) -> Triple:
        """Return the place (x, y, z) of one (z, y, x) on the screen."""
        z, y, x = place
        return x, y, z


def open_frames(run: Run, ledger: Ledger, model: str, sample: str, reviewer: Reviewer) -> FramesCase:
    """Open a recording with what a detector found in it, or the newest accepted correction of that.

    Raises
    ------
    MedscienceError
        If recording or table are missing, altered, or do not belong together.
    """
    image, found = open_image(run.image(sample)), run.detections(model, sample)
    _, inputs = read_table(found)
    if inputs.get("image") != image.commit.digest:
        raise MismatchError(
            "REVIEW-IMAGE",
            file=found,
            field="image digest",
            found="ellipses of another version of the recording",
            expected=f"those of {image.path} ({image.commit.digest[:12]})",
            fix="run the workflow again",
        )
    digest, notice = file_sha256(found), ""
    if not reviewer.blind:
        corrected = run.corrected(ledger, model, sample, image.commit.digest, digest)
        if corrected:
            found, notice = corrected, f"Shown is the accepted correction {corrected.stem}."
    table, _ = read_table(found)
    drawn = Drawn(from_table(table))
    shown = Shown(image.commit.digest, file_sha256(found), inputs.get("model", ""))
    name = f"{reviewer.name}.{shown.labels[:12]}.json"
    draft = run.corrections / FOLDER / model / sample / name
    resumed = drawn.take_up(draft) if draft.exists() else 0
    return FramesCase(model, sample, image, drawn, draft, resumed, notice, shown)


class EllipseWork:
    """Corrects ellipses frame by frame.

    Parameters
    ----------
    viewer : ViewerModel
        Where the recording is shown.
    case : FramesCase
        What is corrected.
    tell : callable
        Hears what the person should know; also from other threads.
    edited : callable
        Called after each change.
    """

    def __init__(
        self,
        viewer: Any,  # noqa: ANN401 - napari is untyped
        case: FramesCase,
        tell: Callable[[str], None],
        edited: Callable[[], None],
    ) -> None:
        self.case, self._viewer, self._edited, self._tell = case, viewer, edited, tell
        self.editor = self
        self.screen = show_frames(viewer, case.image)
        self.frame = -1
        layer = self.screen.labels
        layer.events.data.connect(self._changed)
        for key, by in (("=", STEP), ("-", -STEP), ("Shift-=", 1.0), ("Shift--", -1.0)):
            layer.bind_key(key, self._counts(by), overwrite=True)
        layer.bind_key("Control-Z", lambda layer: self.undo(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda layer: self.redo(), overwrite=True)
        viewer.dims.events.point.connect(self._look)
        self._autosave = Autosave(self.save, lambda: bool(self.unsaved), tell)
        self._look()

    @property
    def has_edits(self) -> bool:
        """Whether anything differs from what was found, as far as steps tell."""
        return bool(self.case.resumed or self.steps[0])

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and how many redone."""
        return self.case.drawn.steps

    @property
    def unsaved(self) -> int:
        """Whether something is not on the disk yet."""
        return int(self.case.drawn.is_unsaved)

    def undo(self) -> None:
        """Take back the last step, and show its frame."""
        self._after(self.case.drawn.undo())

    def redo(self) -> None:
        """Do again what was undone last, and show its frame."""
        self._after(self.case.drawn.redo())

    def count(self, by: float) -> None:
        """Change the ring count of the selected ellipses."""
        now = self.case.drawn.at(self.frame)
        selected = self.screen.labels.selected_data
        new = [with_rings(one, one.rings + by) if n in selected else one for n, one in enumerate(now)]
        if self.case.drawn.put(self.frame, new):
            kept = set(selected)
            self._draw()
            self.screen.labels.selected_data = kept
            self._edited()

    def save(self) -> None:
        """Save the draft."""
        self.case.draft.parent.mkdir(parents=True, exist_ok=True)
        self.case.drawn.write(self.case.draft)

    def rest(self) -> None:
        """Save what is left and stop saving."""
        self._autosave.close()
        if self.unsaved:
            self.save()

    def commit(self, corrections: Path) -> Correction:
        """Write the table of all ellipses, ``{model}/{sample}/{n}.parquet``."""
        case, meaning = self.case, self.case.image.image.meaning
        clock = meaning.times(case.image.image.shape[0]) if meaning.time_step else None
        table = as_table(case.drawn.detections(None if clock is None else clock.tolist()))
        inputs = {"image": case.shown.image, "detections": case.shown.labels, "model": case.shown.model}
        return save_ellipses(corrections, (case.model, case.sample), table, inputs)

    def let_go(self, *, keep: bool) -> None:
        """Stop listening; the draft is deleted unless it is kept for another sitting."""
        self._autosave.close()
        self._viewer.dims.events.point.disconnect(self._look)
        if not keep:
            self.case.draft.unlink(missing_ok=True)

    def _after(self, frame: int | None) -> None:
        if frame is not None:
            self._viewer.dims.set_current_step(0, frame)
            self._draw()
            self._edited()

    def _look(self, event: object = None) -> None:
        """Show the ellipses of the frame that is shown now, and of its neighbours."""
        frame = int(self._viewer.dims.current_step[0])
        if frame != self.frame and self.screen.image in self._viewer.layers:
            if self.frame >= 0:
                self.settle()  # napari tells of a new ellipse before it has its size
            self.frame = frame
            self._draw()

    def _draw(self) -> None:
        drawn = self.case.drawn
        draw(self.screen.labels, drawn.at(self.frame))
        for layer, by in zip(self.screen.beside[-2:], (-1, 1), strict=True):
            draw(layer, drawn.at(self.frame + by), FAINT)

    def _changed(self, event: Any) -> None:  # noqa: ANN401 - napari's
        """Note what the person did, once it is done."""
        if str(event.action) in {"added", "removed", "changed"}:
            self.settle()

    def settle(self) -> None:
        """Keep what is drawn on the frame that is shown; an ellipse that is still a point is none yet."""
        layer, before = self.screen.labels, self.case.drawn.at(self.frame)
        rings, scores = layer.features["rings"].tolist(), layer.features["score"].tolist()
        try:
            now = [_same_or(before, *one) for one in zip(layer.data, rings, scores, strict=True)]
        except InputError:
            return
        if self.case.drawn.put(self.frame, now):
            self._edited()

    def _counts(self, by: float) -> Callable[[Any], None]:
        def pressed(layer: Any) -> None:  # noqa: ANN401 - napari's
            self.count(by)

        return pressed


def _same_or(before: list[Antinode], corners: NDArray[Any], rings: float, score: float) -> Antinode:
    """Return what was drawn; what napari only rounded to float32 is what it was."""
    ellipse = ellipse_in(corners)
    numbers = np.array([ellipse.x, ellipse.y, ellipse.a, ellipse.b])
    for one in before:
        other = one.ellipse
        near = np.abs(numbers - (other.x, other.y, other.a, other.b)).max() < 1e-3
        turned = abs((ellipse.angle - other.angle + 90) % 180 - 90) < 1e-2 or other.a - other.b < 1e-3
        if near and turned and one.rings == rings:
            return one
    return Antinode(ellipse, rings, 1.0)
