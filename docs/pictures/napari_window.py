"""Make docs/pictures/napari.png: a simulated head with its labels, as napari shows it.

Needs a display; without one: xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python FILE
"""

from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

TARGET = Path(__file__).with_name("napari.png")
WINDOW = (1080, 760)
"""Width and height in pixels."""


def main() -> None:
    """Show the sample, save the window with a slice beside the canvas with the white matter in 3D."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    image, labels = viewer.open_sample("napari-medscience", "head")
    viewer.layers.selection.active = labels
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, -15)
    labels.opacity = 0.45
    _settle(viewer)
    window = viewer.screenshot(canvas_only=False, flash=False)
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    image.visible = False
    labels.opacity = 1
    labels.iso_gradient_mode = "smooth"
    labels.selected_label = 1
    labels.show_selected_label = True
    viewer.scene.camera.set_view_direction((-0.45, -1, 0.8), (1, 0, 0))
    _settle(viewer, closer=1.6)
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    viewer.close()
    _save(window, canvas)


def _settle(viewer: napari.Viewer, closer: float = 1.0) -> None:
    """Fit the view, and let Qt draw it."""
    viewer.reset_view(margin=0.02, reset_camera_angle=False)
    viewer.scene.camera.zoom *= closer
    for _ in range(20):
        QApplication.processEvents()


def _save(window: np.ndarray, canvas: np.ndarray) -> None:
    """Put the canvas right of the window, and save with few colours so that the file is small."""
    top = (window.shape[0] - canvas.shape[0]) // 2
    picture = np.zeros((window.shape[0], window.shape[1] + canvas.shape[1], 3), dtype=np.uint8)
    picture[:, : window.shape[1]] = window[..., :3]
    picture[top : top + canvas.shape[0], window.shape[1] :] = canvas[..., :3]
    Image.fromarray(picture).quantize(200).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
