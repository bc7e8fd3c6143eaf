"""The queue: which case is next, why, and what was said of each."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medscience.review.session import Session

COLOURS = {
    "accept": "#2a9d8f",
    "accept-with-edits": "#8ab17d",
    "reject": "#e76f51",
    "defer": "#e9c46a",
}
"""Of verdicts, wherever they are shown."""


class QueuePanel(QWidget):  # type: ignore[misc]
    """All cases, worst first; a click shows one."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._session, self._attempt = session, attempt
        self.said = 0
        """How many cases somebody said something of."""
        self.list = QTreeWidget(columnCount=4, rootIsDecorated=False, uniformRowHeights=True)
        self.list.setHeaderLabels(["#", "Case", "Look", "Verdict"])
        self.list.setFixedHeight(130)
        header = self.list.header()
        header.setStretchLastSection(False)
        for column in (0, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.Stretch)
        self.list.itemClicked.connect(self._clicked)
        self.why = QLabel(wordWrap=True, textFormat=Qt.PlainText)
        line = QHBoxLayout()
        for text, act in (
            ("◀ Case", session.previous),
            ("Case ▶", session.next),
            ("Next place", lambda: session.view and session.view.next_place()),
        ):
            line.addWidget(QPushButton(text, clicked=lambda _=False, act=act: attempt(act)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.why)
        layout.addLayout(line)
        for case in session.queue:
            score = f"{case.score:.2f}" if case.reasons else ""
            self.list.addTopLevelItem(QTreeWidgetItem([str(case.rank), case.sample, score, ""]))
        self.refresh()

    def refresh(self) -> None:
        """Show where the session is, and what was said so far."""
        newest = self._newest()
        self.said = len(newest)
        for number, case in enumerate(self._session.queue):
            row = self.list.topLevelItem(number)
            said = newest.get(case.sample, "")
            row.setText(3, said.replace("-", " "))
            if said:
                row.setForeground(3, QBrush(QColor(COLOURS[said])))
        row = self.list.topLevelItem(self._session.at) if self._session.work else None
        self.list.setCurrentItem(row)
        reasons = self._session.reasons
        self.why.setText(
            "\n".join(f"{number}. {reason.text}" for number, reason in enumerate(reasons, start=1))
        )
        self.why.setVisible(bool(reasons))

    def _newest(self) -> dict[str, str]:
        """The newest verdict on each sample: a second reader sees the own ones only."""
        session = self._session
        entries = session.ledger.entries(session.model)
        mine = session.reviewer
        return {
            entry.verdict.sample: entry.verdict.decision
            for entry in entries
            if not mine.blind or (entry.verdict.reviewer == mine.name and entry.verdict.blind)
        }

    def _clicked(self, item: QTreeWidgetItem) -> None:
        number = self.list.indexOfTopLevelItem(item)
        self._attempt(lambda: self._session.go(number))
