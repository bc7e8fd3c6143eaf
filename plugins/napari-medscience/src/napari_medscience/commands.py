"""Commands in napari's Layers menu."""

from napari.layers import Layer
from napari.types import LayerDataTuple
from napari.viewer import Viewer

from medscience.errors import InputError
from medscience.store.images import open_image
from napari_medscience.camera import RADIOLOGICAL
from napari_medscience.shown import KEY, ShownStore
from napari_medscience.stored import stored_voxels


def radiological_view(viewer: Viewer) -> None:
    """Show the patient as radiologists do: head or face up, the patient's right on the left.

    The camera turns, coordinates do not change. It serves axial, coronal and sagittal slices and 3D.
    """
    viewer.scene.camera.orientation = RADIOLOGICAL


def add_stored_voxels(layer: Layer) -> list[LayerDataTuple]:
    """Return a layer with the voxels of an oblique store as they are: right in 3D, not in slices.

    Raises
    ------
    InputError
        If the layer does not show a store.
    """
    shown = layer.metadata.get(KEY)
    if not isinstance(shown, ShownStore):
        raise InputError(
            "NAPARI-LAYER",
            field="layer",
            found=layer.name,
            expected="a layer that was opened from a medscience store",
            fix="select one",
        )
    return [LayerDataTuple(stored_voxels(open_image(shown.path)))]
