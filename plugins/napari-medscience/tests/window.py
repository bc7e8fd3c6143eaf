"""Open stores in a real window and save what the canvas shows; run by test_window.py.

python window.py FOLDER STORE... writes axial.png, coronal.png and front.png into FOLDER.
"""

import sys
from pathlib import Path

import napari
from napari.layers import Labels
from qtpy.QtWidgets import QApplication


def main(folder, *stores):
    """Show the stores as napari would from the command line."""
    viewer = napari.Viewer(show=True)  # a window that is not shown gives black pictures without an error
    viewer.window.resize(1000, 800)
    viewer.open(stores, plugin="napari-medscience")
    for layer in viewer.layers:
        layer.opacity = 1 if isinstance(layer, Labels) else 0.5
    camera = viewer.scene.camera

    def picture(name):
        viewer.reset_view(reset_camera_angle=False)
        for _ in range(10):
            QApplication.processEvents()
        viewer.screenshot(str(Path(folder) / name), canvas_only=True, flash=False)

    picture("axial.png")
    viewer.dims.order = (1, 0, 2)
    picture("coronal.png")
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    camera.set_view_direction((0, -1, 0), (1, 0, 0))  # from the face backwards, the head up
    picture("front.png")
    viewer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
