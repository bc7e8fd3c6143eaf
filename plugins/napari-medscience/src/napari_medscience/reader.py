"""napari's door to committed stores."""

from collections.abc import Callable, Sequence
from pathlib import Path

import napari
from napari.utils.notifications import show_error, show_info, show_warning

from medscience.errors import MedscienceError
from medscience.store.commit import SUFFIX
from medscience.store.images import StoredImage, open_image
from napari_medscience.camera import face_the_patient
from napari_medscience.layers import LayerData
from napari_medscience.placement import tilt
from napari_medscience.shown import ShownStore, shown_stores, strangers
from napari_medscience.stored import layer_name, layer_of, maps_of

Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return `read` for stores ``X.ome.zarr`` and their commits, None for other names."""
    names = [Path(one).name.removesuffix(SUFFIX) for one in _each(path)]
    return read if all(name.endswith(".ome.zarr") for name in names) else None


def read(path: Paths) -> list[LayerData]:
    """Return a layer for each store, and hidden ones for its maps; voxels are read when they are looked at.

    Parameters
    ----------
    path : str or sequence of str
        Stores, or their commits.

    Raises
    ------
    StoreError
        If a store has no commit, or its objects are not exactly the committed ones. The line is shown too:
        napari's dialog says only that a reader failed.
    """
    try:
        opened = [open_image(Path(one)) for one in _each(path)]
        layers = [layer for stored in opened for layer in (*maps_of(stored), layer_of(stored))]
    except MedscienceError as fault:
        show_error(fault.line)
        raise
    viewer = napari.current_viewer()
    if any(stored.image.meaning.space == "patient" for stored in opened):
        face_the_patient(viewer)
    _tell_of_tilt(opened)
    _warn_of_strangers(shown_stores(viewer.layers) if viewer else [], opened)
    return layers


def _each(path: Paths) -> Sequence[str]:
    return [path] if isinstance(path, str) else path


def _tell_of_tilt(opened: Sequence[StoredImage]) -> None:
    for stored in opened:
        degrees = tilt(stored.image.geometry)
        if degrees is not None:
            show_info(
                f"{layer_name(stored)} is tilted by {degrees:.1f} degrees, which napari cannot slice: "
                "it is shown on an upright grid; Layers > Transform > Stored voxels adds it as stored"
            )


def _warn_of_strangers(before: Sequence[ShownStore], opened: Sequence[StoredImage]) -> None:
    """Name labels that are shown with another version of their image; their place is right all the same."""
    known = strangers(before)
    for labels, image in strangers([*before, *map(ShownStore.of, opened)]):
        if (labels, image) not in known:
            show_warning(
                f"{labels.path} was made from another {image.path.name} than {image.path}: "
                "run the workflow again"
            )
