"""Planes, greys, the crosshair and time."""

from collections.abc import Callable

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_medscience.review.crosshair import read_place, spoken
from napari_medscience.review.session import Session
from napari_medscience.review.view import PLANES


class ViewPanel(QWidget):  # type: ignore[misc]
    """How the case is shown."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._session, self._attempt = session, attempt
        self.planes = QWidget()
        planes = QHBoxLayout(self.planes)
        planes.setContentsMargins(0, 0, 0, 0)
        for name in PLANES:
            planes.addWidget(QPushButton(name, clicked=lambda _=False, name=name: self._plane(name)))
        self.windows = QComboBox()
        self.windows.activated.connect(self._window)
        self.place = QLineEdit(placeholderText="x  y  z in mm")
        self.place.returnPressed.connect(self._go)
        self.spoken = QLabel()
        self.play = QPushButton("▶", checkable=True, maximumWidth=32, toolTip="play in a loop")
        self.play.toggled.connect(self._play)
        self._timer = QTimer(self, interval=125)
        self.speed = QSpinBox(minimum=1, maximum=30, value=8, suffix=" / s")
        self.speed.valueChanged.connect(lambda speed: self._timer.setInterval(1000 // speed))
        self.phase = QLabel()
        self._timer.timeout.connect(self._on)
        session.viewer.dims.events.point.connect(self._say_phase)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.addWidget(self.planes, 0, 0, 1, 4)
        self._row(1, "Grey", self.windows)
        self._row(2, "Crosshair", self.place)
        self._grid.addWidget(self.spoken, 2, 2, 1, 2)
        self._row(3, "Time", self.phase)
        self._grid.addWidget(self.play, 3, 2)
        self._grid.addWidget(self.speed, 3, 3)
        self._grid.setColumnStretch(1, 1)
        self.refresh()

    def refresh(self) -> None:
        """Show what suits the case on the screen."""
        view = self._session.view
        windows = view.windows if view else ()
        self.windows.clear()
        self.windows.addItems([f"{w.name}   {w.centre:g} / {w.width:g}" for w in windows])
        self._show(1, visible=bool(windows))
        in_patient = bool(view and view.case.image.image.meaning.space == "patient")
        self._show(2, visible=in_patient)
        self.planes.setVisible(view is None or view.is_volume)
        has_time = bool(view and view.times > 1)
        self._show(3, visible=has_time)
        self.play.setChecked(False)
        self.say()
        self._say_phase()

    def say(self) -> None:
        """Say where the crosshair is."""
        view = self._session.view
        if view and view.world:
            self.place.setText("  ".join(f"{value:.1f}" for value in view.world))
            self.spoken.setText(spoken(view.world))
        else:
            self.place.clear()
            self.spoken.clear()

    def stop(self) -> None:
        """Stop playing."""
        self._timer.stop()
        self._session.viewer.dims.events.point.disconnect(self._say_phase)

    def _row(self, row: int, text: str, widget: QWidget) -> None:
        self._grid.addWidget(QLabel(text), row, 0)
        self._grid.addWidget(widget, row, 1, 1, 3 if row == 1 else 1)

    def _show(self, row: int, *, visible: bool) -> None:
        for column in range(4):
            item = self._grid.itemAtPosition(row, column)
            if item and item.widget():
                item.widget().setVisible(visible)

    def _plane(self, name: str) -> None:
        view = self._session.view
        if view:
            view.plane(name)

    def _window(self, number: int) -> None:
        view = self._session.view
        if view:
            view.window(view.windows[number])

    def _go(self) -> None:
        view, place = self._session.view, read_place(self.place.text())
        if view and place:
            self._attempt(lambda: view.go(place))
        self.say()

    def _play(self, on: bool) -> None:  # noqa: FBT001 - Qt's
        (self._timer.start if on else self._timer.stop)()
        self.play.setText("■" if on else "▶")

    def _on(self) -> None:
        if self._session.view:
            self._session.view.next_time()

    def _say_phase(self, event: object = None) -> None:
        view = self._session.view
        self.phase.setText(view.time if view else "")
