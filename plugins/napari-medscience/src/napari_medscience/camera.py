"""Which way the patient faces on the canvas."""

from typing import Any

from napari.utils.camera_orientations import DEFAULT_ORIENTATION

RADIOLOGICAL = ("away", "up", "left")
"""Which way z, y and x run: slices are seen from the feet, and the patient's right is on the left.

In 3D the patient is as in life. In napari's own orientation it would be a mirror image, as napari's axes
(z, y, x), and not ours (x, y, z), are right-handed there.
"""


def face_the_patient(viewer: Any) -> None:  # noqa: ANN401 - napari is untyped
    """Turn the camera of a window in which nothing is open yet, unless the user chose another orientation."""
    if viewer is None or len(viewer.layers) > 0:
        return
    if tuple(map(str, viewer.scene.camera.orientation)) == DEFAULT_ORIENTATION:
        viewer.scene.camera.orientation = RADIOLOGICAL
