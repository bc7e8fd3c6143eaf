"""Images that are read chunk by chunk, through napari's cache."""

from dataclasses import replace

import dask.array as da

from medscience.image import Image
from medscience.store.grid import CHUNK


def lazy(image: Image, name: str) -> Image:
    """Return the image as a dask array, whose chunks napari keeps for as long as there is room.

    Parameters
    ----------
    image : Image
        Axes (…, Z, Y, X).
    name : str
        Differs between images with different voxels: the cache knows chunks by it.
    """
    lead = (1,) * (len(image.shape) - 3)
    chunks = getattr(image.data, "chunks", (*lead, CHUNK, CHUNK, CHUNK))
    array = da.from_array(image.data, chunks=chunks, name=name)  # type: ignore[no-untyped-call]
    return replace(image, data=array)
