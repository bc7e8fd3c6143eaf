"""The decoding of pictures, which runs behind the fence."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from medscience.ingest.grey import grey


def decode_png(path: str, _: int, luminance: bool) -> NDArray[Any]:  # noqa: FBT001 - a fence's call has no keywords
    """Return a PNG as a frame (Y, X)."""
    return _grey(imagecodecs.png_decode(Path(path).read_bytes()), luminance=luminance)


def decode_tiff(path: str, number: int, luminance: bool) -> NDArray[Any]:  # noqa: FBT001
    """Return a page of a TIFF as a frame (Y, X)."""
    page: Any = _opened(path).pages[number]
    return _grey(page.asarray(), luminance=luminance)


@lru_cache(maxsize=1)
def _opened(path: str) -> tifffile.TiffFile:
    """Return a TIFF that stays open for the next pages."""
    return tifffile.TiffFile(path)


def _grey(pixels: NDArray[Any], *, luminance: bool) -> NDArray[Any]:
    return np.ascontiguousarray(grey(pixels, luminance=luminance)) if pixels.ndim == 3 else pixels
