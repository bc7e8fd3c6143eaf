"""The dock widget: panels around a `Session`."""

from collections.abc import Callable
from functools import partial

from napari.viewer import Viewer
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medscience.errors import MedscienceError
from napari_medscience.review.case import Reviewer
from napari_medscience.review.edit_panel import EditPanel
from napari_medscience.review.ellipse_panel import EllipsePanel
from napari_medscience.review.keys import bind, bind_verdicts, unbind
from napari_medscience.review.open_panel import OpenPanel
from napari_medscience.review.queue_panel import QueuePanel
from napari_medscience.review.run import Run
from napari_medscience.review.session import Session
from napari_medscience.review.verdict_panel import VerdictPanel
from napari_medscience.review.view_panel import ViewPanel

SITTINGS: list[Session] = []
"""The one that is open in this process, if any."""


class Bridge(QObject):  # type: ignore[misc]
    """Carries what other threads say to the one that draws."""

    told = Signal(str)
    saved = Signal(object)


class Column(QScrollArea):  # type: ignore[misc]
    """Scrolls down where the screen is low, and is never narrower than what it holds."""

    def __init__(self, inner: QWidget) -> None:
        super().__init__(widgetResizable=True, frameShape=QFrame.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setWidget(inner)

    def widen(self) -> None:
        """Make room for what it holds, and for the bar beside it."""
        inner, bar = self.widget().minimumSizeHint(), self.verticalScrollBar().sizeHint()
        self.setMinimumWidth(inner.width() + bar.width())


class Review(QWidget):  # type: ignore[misc]
    """The dock widget *Review*."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.session: Session | None = None
        self.message = QLabel(wordWrap=True, textFormat=Qt.PlainText)
        self.afresh = QPushButton("Start afresh", visible=False, clicked=self._afresh)
        self.open = OpenPanel(self.begin, self.message.setText)
        self.summary = QPushButton(visible=False, flat=True, clicked=self.end, toolTip="end this sitting")
        self._panels: list[QWidget] = []
        self._bridge = Bridge()
        self._bridge.told.connect(self.message.setText)
        self._bridge.saved.connect(self._saved)
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._tick)
        inner = QWidget()
        self._layout = QVBoxLayout(inner)
        self._layout.setAlignment(Qt.AlignTop)
        for widget in (self.summary, self.open):
            self._layout.addWidget(widget)
        self._column = Column(inner)
        QTimer.singleShot(0, self._column.widen)
        QApplication.instance().aboutToQuit.connect(_quit)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.addWidget(self._column)
        outer.addWidget(self.message)
        outer.addWidget(self.afresh)

    def begin(self, run: Run, model: str, reviewer: Reviewer) -> None:
        """Begin a sitting and show the worst case."""
        self.end()
        while SITTINGS:  # of a dock that was closed: its draft is needed
            SITTINGS.pop().close()
        self.attempt(lambda: self._begin(Session(self.viewer, run, model, reviewer)))
        if self.session:
            self.attempt(partial(self.session.go, 0))

    def end(self) -> None:
        """End the sitting: everything is put on the disk."""
        if self.session is None:
            return
        self._clock.stop()
        self.view_panel.stop()
        unbind(self.viewer)
        session, self.session = self.session, None
        SITTINGS.clear()
        session.close()
        for panel in self._panels:
            self._layout.removeWidget(panel)
            panel.deleteLater()
        self._panels = []
        self.summary.hide()
        self.open.show()

    def attempt(self, task: Callable[[], object]) -> None:
        """Do something and say what went wrong, if anything did."""
        self.message.clear()
        try:
            task()
        except (MedscienceError, OSError) as fault:
            self.message.setText(str(fault))

    def _begin(self, session: Session) -> None:
        self.session = session
        SITTINGS.append(session)
        self.queue_panel = QueuePanel(session, self.attempt)
        self.view_panel = ViewPanel(session, self.attempt)
        ellipses = session.run.has_ellipses(session.model)
        self.edit_panel = (EllipsePanel if ellipses else EditPanel)(session, self.attempt)
        self.verdict_panel = VerdictPanel(session, self.attempt)
        for title, panel in (
            ("Queue", self.queue_panel),
            ("View", self.view_panel),
            ("Edit", self.edit_panel),
            ("Verdict", self.verdict_panel),
        ):
            heading = QLabel(title)
            panel.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Maximum)
            heading.setStyleSheet("font-weight: bold; padding-top: 6px;")
            for widget in (heading, panel):
                self._layout.addWidget(widget)
                self._panels.append(widget)
        session.told.connect(self._bridge.told.emit)
        session.saved.connect(self._bridge.saved.emit)
        session.shown.connect(self._shown)
        session.edited.connect(self._edited)
        bind(self.viewer, session, self._key)
        bind_verdicts(self.viewer, lambda decision: _soon(lambda: self.verdict_panel.decide(decision)))
        self.open.hide()
        self.summary.show()
        self._tick()
        QTimer.singleShot(0, self._column.widen)
        self._clock.start()
        if session.ledger.read_only:
            self.message.setText("The ledger can only be read: no verdict can be saved.")

    def _key(self, task: Callable[[], object]) -> None:
        _soon(lambda: self._pressed(task))

    def _pressed(self, task: Callable[[], object]) -> None:
        if self.session:
            self.attempt(task)
            self.view_panel.say()
            self._edited()

    def _shown(self) -> None:
        if self.session is None:
            return
        for panel in (self.queue_panel, self.view_panel, self.edit_panel, self.verdict_panel):
            panel.refresh()
        resumed = self.session.work.case.resumed if self.session.work else 0
        self.afresh.setVisible(bool(resumed))
        if resumed:
            self.message.setText("Your unfinished edits of this case are back.")

    def _edited(self) -> None:
        self.edit_panel.count()
        self.verdict_panel.choices()

    def _saved(self, entry: object) -> None:
        if self.session:
            self.queue_panel.refresh()

    def _afresh(self) -> None:
        if self.session:
            self.attempt(self.session.start_afresh)

    def _tick(self) -> None:
        session = self.session
        if session is None:
            return
        said = self.queue_panel.said
        minutes, seconds = divmod(int(session.clock.seconds), 60)
        who = session.reviewer.name + (", second reader" if session.reviewer.blind else "")
        self.summary.setText(
            f"{session.model} · {who} · {said} of {len(session.queue)} · {minutes}:{seconds:02d}  ✕"
        )
        self._edited()


def _quit() -> None:
    """Lose nothing when napari is closed."""
    while SITTINGS:
        SITTINGS.pop().quit()


def _soon(task: Callable[[], None]) -> None:
    """Do something once the canvas is done with the key: it must not be drawn while layers come and go."""
    QTimer.singleShot(0, task)
