"""Which label is painted, and the tools beside napari's own."""

from collections.abc import Callable, Sequence

from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QWidget

from medscience.review.unseen import unseen_value
from napari_medscience.review.label_work import LabelWork
from napari_medscience.review.screen import UNSEEN, names
from napari_medscience.review.session import Session

TOOLS = (
    ("Fill between", "interpolate", "I", "between the slices on which the label was painted"),
    ("Grow", "grow", "G", "from the cursor, over background that is like it"),
    ("Merge", "merge", "A", "the part under the cursor gets the selected label"),
    ("Split", "split", "S", "the part under the cursor, at its neck"),
    ("Remove", "remove", "D", "the part under the cursor"),
    ("Islands", "remove_islands", "⇧D", "small parts of the label around the cursor are removed"),
)
"""Text, method, key, and what it does: these work at the cursor, so they are keys; the buttons say so."""


class EditPanel(QWidget):  # type: ignore[misc]
    """Labels, tools, undo and redo."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._session, self._attempt = session, attempt
        self.label = QComboBox(iconSize=QSize(14, 14))
        self.label.activated.connect(self._choose)
        self.undo = QPushButton("↶ Undo", clicked=lambda: self._step("undo"))
        self.redo = QPushButton("↷ Redo", clicked=lambda: self._step("redo"))
        self.reach = QDoubleSpinBox(minimum=1, maximum=500, value=40, decimals=0, suffix=" mm")
        self.reach.setToolTip("how far growing and islands go from the cursor")
        self.reach.valueChanged.connect(self._set_reach)
        self.spread = QDoubleSpinBox(
            minimum=0.5, maximum=10, value=2.5, singleStep=0.5, decimals=1, prefix="± "
        )
        self.spread.setToolTip("how different grown voxels may be, in standard deviations around the cursor")
        self.spread.valueChanged.connect(self._set_spread)
        self.state = QLabel()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("Label"), 0, 0)
        grid.addWidget(self.label, 0, 1, 1, 2)
        for number, (text, method, key, tip) in enumerate(TOOLS):
            button = QPushButton(f"{text}  {key}", toolTip=tip)
            button.clicked.connect(lambda _=False, method=method: self._tool(method))
            grid.addWidget(button, 1 + number // 3, number % 3)
        grid.addWidget(self.undo, 3, 0)
        grid.addWidget(self.redo, 3, 1)
        grid.addWidget(self.state, 3, 2)
        grid.addWidget(QLabel("Reach, spread"), 4, 0)
        grid.addWidget(self.reach, 4, 1)
        grid.addWidget(self.spread, 4, 2)
        self.refresh()

    def refresh(self) -> None:
        """Show the labels of the case on the screen."""
        work = self._work
        self.setEnabled(work is not None)
        self.label.clear()
        for label in names(work.case) if work else ():
            self._offer(label.name, label.value, label.color)
        if work:
            grey = [round(255 * part) for part in UNSEEN[:3]]
            self._offer("not looked at", unseen_value(work.case.editable.dtype), grey)
            work.screen.labels.events.selected_label.connect(self._chosen)
            self._chosen()
        self._set_reach(self.reach.value())
        self._set_spread(self.spread.value())
        self.count()

    def _offer(self, name: str, value: int, color: Sequence[int]) -> None:
        colour = QPixmap(14, 14)
        colour.fill(QColor(*color))
        self.label.addItem(QIcon(colour), name, value)

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
    def _work(self) -> LabelWork | None:
        work = self._session.work
        return work if isinstance(work, LabelWork) else None

    def _choose(self, number: int) -> None:
        if self._work:
            self._work.screen.labels.selected_label = self.label.itemData(number)

    def _chosen(self, event: object = None) -> None:
        if self._work:
            value = int(self._work.screen.labels.selected_label)
            self.label.setCurrentIndex(self.label.findData(value))

    def _step(self, method: str) -> None:
        if self._work:
            getattr(self._work, method)()

    def _tool(self, method: str) -> None:
        if self._work:
            self._attempt(getattr(self._work.editor, method))

    def _set_reach(self, millimetres: float) -> None:
        if self._work:
            self._work.editor.reach_mm = millimetres

    def _set_spread(self, spread: float) -> None:
        if self._work:
            self._work.editor.spread = spread
