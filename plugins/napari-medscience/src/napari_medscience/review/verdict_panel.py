"""What is to become of the labels, and what others said."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from medscience.review.entry import Entry
from medscience.review.verdict import Decision
from napari_medscience.review.queue_panel import COLOURS
from napari_medscience.review.session import Session

BUTTONS: tuple[tuple[Decision, str, str], ...] = (
    ("accept", "Accept", "Ctrl+1"),
    ("accept-with-edits", "Accept with edits", "Ctrl+2"),
    ("reject", "Reject", "Ctrl+3"),
    ("defer", "Defer", "Ctrl+4"),
)
SHOWN = 4
"""The newest verdicts that are listed."""


class VerdictPanel(QWidget):  # type: ignore[misc]
    """Four buttons, a reason, and the verdicts so far."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._session, self._attempt = session, attempt
        self.reason = QPlainTextEdit(placeholderText="why (needed to reject)")
        self.reason.setFixedHeight(44)
        self.reason.setStyleSheet("border: 1px solid #6a7282; border-radius: 2px;")
        self.buttons = {}
        grid = QGridLayout()
        for number, (decision, text, key) in enumerate(BUTTONS):
            button = QPushButton(f"{text}\n{key}", minimumHeight=40)
            button.setStyleSheet(
                f"QPushButton:enabled {{ background: {COLOURS[decision]}; color: #111; font-weight: bold; }}"
            )
            button.clicked.connect(lambda _=False, decision=decision: self.decide(decision))
            grid.addWidget(button, number // 2, number % 2)
            self.buttons[decision] = button
        self.conflict = QLabel(wordWrap=True, textFormat=Qt.PlainText)
        self.conflict.setStyleSheet("color: #111; background-color: #e9c46a; padding: 4px;")
        self.said = QLabel(wordWrap=True, textFormat=Qt.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.reason)
        layout.addLayout(grid)
        layout.addWidget(self.conflict)
        layout.addWidget(self.said)
        self.refresh()

    def refresh(self) -> None:
        """Show what was said of the case on the screen."""
        self.reason.clear()
        self.choices()
        standing = self._session.standing()
        entries = standing.entries if standing else ()
        outdated = standing.outdated if standing else ()
        lines = [_line(entry, is_outdated=entry in outdated) for entry in entries[-SHOWN:]]
        self.said.setText("\n".join(lines))
        self.said.setVisible(bool(lines))
        conflict = standing.conflict if standing else ()
        self.conflict.setText(
            "They disagree: " + "; ".join(f"{e.verdict.reviewer}: {e.verdict.decision}" for e in conflict)
        )
        self.conflict.setVisible(bool(conflict))

    def choices(self) -> None:
        """Enable the verdicts that fit what was done."""
        session = self._session
        there, edits = session.work is not None, session.has_edits
        fits = {"accept": not edits, "accept-with-edits": edits, "reject": True, "defer": True}
        for decision, button in self.buttons.items():
            button.setEnabled(there and fits[decision] and not session.ledger.read_only)

    def decide(self, decision: Decision) -> None:
        """Give a verdict and go on to the next case."""
        reason = self.reason.toPlainText()
        if decision == "reject" and not reason.strip():
            self.reason.setFocus()

        def say() -> None:
            self._session.decide(decision, reason)
            self._session.next()

        self._attempt(say)


def _line(entry: Entry, *, is_outdated: bool) -> str:
    said = entry.verdict
    reason = f": {said.reason.splitlines()[0][:80]}" if said.reason.strip() else ""
    old = " (of something else than is there now)" if is_outdated else ""
    return f"{said.time:%Y-%m-%d %H:%M}  {said.reviewer}  {said.decision}{reason}{old}"
