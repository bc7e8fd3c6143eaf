"""Labels of a volume on the desk: shown, changed, saved as they are changed, and committed in the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from medscience.errors import InputError
from medscience.review.corrections import next_correction, save_correction
from medscience.review.unseen import unseen_value
from medscience.review.verdict import Correction
from napari_medscience.edit.editor import Editor
from napari_medscience.review.autosave import Autosave
from napari_medscience.review.case import Case
from napari_medscience.review.screen import names, show

Tell = Callable[[str], None]


class LabelWork:
    """Corrects labels voxel by voxel.

    Parameters
    ----------
    viewer : ViewerModel
        Where the case is shown.
    case : Case
        What is corrected.
    tell : callable
        Hears what the person should know; also from other threads.
    edited : callable
        Called after each change.
    """

    def __init__(self, viewer: Any, case: Case, tell: Tell, edited: Callable[[], None]) -> None:  # noqa: ANN401
        self.case = case
        self.screen = show(viewer, case)
        values = {label.value for label in names(case)} | {unseen_value(case.editable.dtype)}
        self.editor = Editor(viewer, self.screen.labels, self.screen.image, frozenset(values), tell)
        self._chunks = case.editable.chunks
        self._autosave = Autosave(self.save, lambda: bool(self.unsaved), tell) if case.draft else None
        self.screen.labels.editable = case.draft is not None
        self._edited = edited
        self.screen.labels.events.paint.connect(lambda event: edited())

    @property
    def has_edits(self) -> bool:
        """Whether anything differs from what was proposed, as far as steps tell."""
        return bool(self.case.resumed or self.steps[0])

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and how many redone."""
        return self._chunks.history.steps

    @property
    def unsaved(self) -> int:
        """How many chunks are not on the disk yet."""
        return self._chunks.unsaved

    def undo(self) -> None:
        """Take back the last step."""
        self.screen.labels.undo()
        self._edited()

    def redo(self) -> None:
        """Do again what was undone last."""
        self.screen.labels.redo()
        self._edited()

    def settle(self) -> None:
        """End the step that is being made."""
        self.screen.labels.end_step()

    def save(self) -> None:
        """Save the chunks that were changed since the last time; they are on the disk when this returns.

        Raises
        ------
        MedscienceError, OSError
            If they could not be saved. They are tried again.
        """
        draft = self.case.draft
        if draft is None:
            return
        taken = self._chunks.take_unsaved()
        try:
            for chunk in list(taken):
                draft.write(self._chunks.region(chunk), taken[chunk])
                del taken[chunk]
        finally:
            self._chunks.give_back(taken)

    def rest(self) -> None:
        """Save what is left and stop saving; any thread may go on from here."""
        if self._autosave:
            self._autosave.close()
        self.save()

    def commit(self, corrections: Path) -> Correction:
        """Commit the labels as a correction; the draft stays until `let_go`."""
        if self.case.draft is None:
            raise read_only()
        target = next_correction(corrections, self.case.model, self.case.sample)
        return save_correction(self.case.draft, target)

    def let_go(self, *, keep: bool) -> None:
        """Let go of the draft; it is deleted unless it is kept for another sitting."""
        if self._autosave:
            self._autosave.close()
        if self.case.draft and keep:
            self.case.draft.close()
        elif self.case.draft:
            self.case.draft.discard()


def read_only() -> InputError:
    """Return the error for what cannot be kept."""
    return InputError(
        "REVIEW-READ-ONLY",
        field="corrections",
        found="no right to write",
        expected="a folder and a ledger that can be written",
        fix="ask for it; until then you can only look",
    )
