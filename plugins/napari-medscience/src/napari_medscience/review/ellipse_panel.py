"""Tools of ellipses in a frame."""

from collections.abc import Callable

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_medscience.ellipses.work import STEP, EllipseWork
from napari_medscience.review.session import Session


class EllipsePanel(QWidget):  # type: ignore[misc]
    """Draw, select, count, undo and redo."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._session = session
        self.undo = QPushButton("↶ Undo", clicked=lambda: self._do("undo"))
        self.redo = QPushButton("↷ Redo", clicked=lambda: self._do("redo"))
        self.state = QLabel()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        buttons = (
            ("Select  5", lambda: self._mode("select")),
            ("Draw  E", lambda: self._mode("add_ellipse")),
            ("Delete  ⌫", self._delete),
            (f"Rings -{STEP}  -", lambda: self._count(-STEP)),
            (f"Rings +{STEP}  =", lambda: self._count(STEP)),
        )
        for number, (text, act) in enumerate(buttons):
            grid.addWidget(QPushButton(text, clicked=act), number // 3, number % 3)
        grid.addWidget(self.undo, 2, 0)
        grid.addWidget(self.redo, 2, 1)
        grid.addWidget(self.state, 2, 2)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done with the case on the screen."""
        self.setEnabled(self._work is not None)
        if self._work:
            self._mode("select")
        self.count()

    def count(self) -> None:
        """Say how much can be undone, and whether all is saved."""
        work = self._work
        done, undone = work.steps if work else (0, 0)
        self.undo.setText(f"↶ Undo {done}" if done else "↶ Undo")
        self.redo.setText(f"↷ Redo {undone}" if undone else "↷ Redo")
        self.undo.setEnabled(bool(done))
        self.redo.setEnabled(bool(undone))
        edits = bool(work and work.has_edits)
        self.state.setText("saving …" if work and work.unsaved else "draft saved" if edits else "")

    @property
    def _work(self) -> EllipseWork | None:
        work = self._session.work
        return work if isinstance(work, EllipseWork) else None

    def _do(self, method: str) -> None:
        if self._work:
            getattr(self._work, method)()

    def _mode(self, mode: str) -> None:
        if self._work:
            self._work.screen.labels.mode = mode

    def _delete(self) -> None:
        if self._work:
            self._work.screen.labels.remove_selected()

    def _count(self, by: float) -> None:
        if self._work:
            self._work.count(by)
