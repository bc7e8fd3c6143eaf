"""Which way the patient faces on the canvas; that 3D is no mirror image is in test_window.py."""

import numpy as np
import pytest

from napari_medscience.camera import RADIOLOGICAL, face_the_patient
from napari_medscience.commands import radiological_view
from napari_medscience.reader import read


def orientation(viewer):
    return tuple(map(str, viewer.scene.camera.orientation))


def test_the_first_store_in_a_window_turns_the_camera(tmp_path, viewer, monkeypatch, write_store):
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    read(str(write_store(tmp_path / "x.ome.zarr", np.ones((4, 5, 6), np.uint8))))
    assert orientation(viewer) == RADIOLOGICAL


def test_the_camera_stays_where_something_is_open(viewer):
    before = orientation(viewer)
    viewer.add_image(np.ones((4, 5, 6)))
    face_the_patient(viewer)
    assert orientation(viewer) == before


def test_the_camera_stays_as_the_user_set_it(viewer):
    viewer.scene.camera.orientation = ("away", "up", "right")
    face_the_patient(viewer)
    assert orientation(viewer) == ("away", "up", "right")


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_the_radiological_view_turns_the_camera_and_moves_nothing(viewer, ndisplay):
    layer = viewer.add_image(np.ones((4, 5, 6)), scale=(3, 2, 1))
    viewer.dims.ndisplay = ndisplay
    radiological_view(viewer)
    assert orientation(viewer) == RADIOLOGICAL
    assert layer.data_to_world((1, 2, 3)) == (3, 4, 3)
