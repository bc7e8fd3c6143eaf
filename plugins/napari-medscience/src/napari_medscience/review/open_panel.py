"""What is reviewed, and by whom."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from medscience.errors import MedscienceError
from napari_medscience.review.case import Reviewer
from napari_medscience.review.run import Run
from napari_medscience.review.session import login


class OpenPanel(QWidget):  # type: ignore[misc]
    """Asks for a folder, a model and a name; `begin` is called with them."""

    def __init__(self, begin: Callable[[Run, str, Reviewer], object], tell: Callable[[str], None]) -> None:
        super().__init__()
        self._begin, self._tell = begin, tell
        self._run: Run | None = None
        self.folder = QLineEdit(placeholderText="the folder in which the workflow ran")
        self.folder.editingFinished.connect(self.look)
        browse = QPushButton("…", maximumWidth=32, clicked=self._browse, toolTip="choose a folder")
        self.model = QComboBox()
        self.reviewer = QLineEdit(login())
        self.blind = QCheckBox("blind second reader")
        self.blind.setToolTip("nobody else's verdicts and corrections are shown")
        self.start = QPushButton("Start", enabled=False, clicked=self._start)
        line = QHBoxLayout()
        line.addWidget(self.folder)
        line.addWidget(browse)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Run", line)
        form.addRow("Model", self.model)
        form.addRow("Reviewer", self.reviewer)
        form.addRow("", self.blind)
        form.addRow("", self.start)

    def look(self) -> None:
        """List the models of the folder that was typed."""
        self.model.clear()
        self._run = None
        if self.folder.text():
            try:
                self._run = Run.at(Path(self.folder.text()).expanduser())
                self.model.addItems(self._run.models)
            except (MedscienceError, OSError) as fault:
                self._tell(str(fault))
        self.start.setEnabled(self._run is not None)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "The folder of a run", self.folder.text())
        if folder:
            self.folder.setText(folder)
            self.look()

    def _start(self) -> None:
        if self._run:
            reviewer = Reviewer(self.reviewer.text().strip(), self.blind.isChecked())
            self._begin(self._run, self.model.currentText(), reviewer)
