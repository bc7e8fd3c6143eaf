"""The layer of labels that a person corrects."""

from typing import Any

from napari.layers import Labels

from napari_medscience.edit.labels import EditableLabels


class CorrectedLabels(Labels):  # type: ignore[misc]
    """napari's labels, whose tools all work, with a history that does not end after a hundred steps.

    Each stroke, fill or polygon is a step; so is whatever is done between two calls of `end_step`.
    """

    _history_limit = 0
    """napari's own history would hold everything twice."""

    _type_string = "labels"
    """Not the name of this class: by it napari finds its icon and writers."""

    def __init__(self, data: EditableLabels, **how: Any) -> None:  # noqa: ANN401 - napari's arguments
        super().__init__(data, multiscale=False, **how)
        self.events.paint.connect(self.end_step)

    def end_step(self, event: object = None) -> None:
        """Make what was changed since the last call one step."""
        self.data.chunks.history.close()

    def undo(self) -> None:
        """Take back the last step."""
        if self.data.undo():
            self.refresh()

    def redo(self) -> None:
        """Do again what was undone last."""
        if self.data.redo():
            self.refresh()
