"""A sitting in a real window: verdicts, a stroke of the mouse, undo, and what is seen; run by test_window.py.

python review_window.py FOLDER RUN saves pictures and what was seen into FOLDER.
"""

import json
import sys
from pathlib import Path

import napari
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication


def main(folder, run):
    """Accept a case, correct the next, undo, redo, sign, go back, paint, and quit at once."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 960)
    _, dock = viewer.window.add_plugin_dock_widget("napari-medscience", "Review")
    seen = {}

    def settle():
        for _ in range(10):
            QApplication.processEvents()

    def picture(name):
        settle()
        viewer.screenshot(str(Path(folder) / f"{name}.png"), canvas_only=True, flash=False)

    def cases():
        return dock.session.work.case.sample

    settle()
    dock.open.folder.setText(run)
    dock.open.look()
    dock.open.reviewer.setText("ada")
    dock.open.start.click()
    settle()
    seen["first"] = cases()
    dock.verdict_panel.buttons["accept"].click()
    settle()
    seen["second"] = cases()
    layer = dock.session.work.screen.labels
    layer.selected_label, layer.mode, layer.brush_size, layer.opacity = 41, "paint", 15, 1.0
    picture("before")
    native = viewer.window._qt_viewer.canvas.native
    middle = QPoint(native.width() // 2, native.height() // 2)
    QTest.mousePress(native, Qt.LeftButton, Qt.NoModifier, middle)
    QTest.mouseMove(native, middle + QPoint(30, 0))
    QTest.mouseRelease(native, Qt.LeftButton, Qt.NoModifier, middle + QPoint(30, 0))
    picture("painted")
    seen["steps"] = layer.data.chunks.history.steps
    dock.edit_panel.undo.click()
    picture("undone")
    dock.edit_panel.redo.click()
    picture("redone")
    seen["can accept"] = dock.verdict_panel.buttons["accept"].isEnabled()
    viewer.window._qt_window.activateWindow()
    native.setFocus()
    QTest.keyClick(native, Qt.Key_2, Qt.ControlModifier)
    settle()
    seen["third"] = cases()
    QTest.keyClick(native, Qt.Key_N, Qt.ShiftModifier)
    settle()
    seen["back"] = cases()
    seen["message"] = dock.message.text()
    viewer.screenshot(str(Path(folder) / "window.png"), canvas_only=False, flash=False)
    (Path(folder) / "seen.json").write_text(json.dumps(seen))
    dock.session.work.screen.labels.paint((2, 3, 4), 3)
    QTimer.singleShot(0, QApplication.instance().quit)  # as the last window's close does
    napari.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
