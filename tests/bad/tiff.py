"""Group F: TIFF files of several pages."""

import struct

import numpy as np
import tifffile

from tests.bad.video import told
from tests.ingest.recordings import film


def stack(folder, frames=None, **how):
    path = folder / "strike.tif"
    tifffile.imwrite(path, film(5) if frames is None else frames, metadata=None, **how)
    return path


def _poke(path, at, form, *values):
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, *values)
    path.write_bytes(content)


def _tag(path, page, code):
    """Where the value of a tag stands."""
    with tifffile.TiffFile(path) as file:
        return file.pages[page].tags[code].offset + 8


def orientation(folder):
    path = folder / "strike.tif"
    with tifffile.TiffWriter(path) as file:
        for page in film(3):
            file.write(page, metadata=None, extratags=[(274, "H", 1, 6, True)])
    return told(folder, path)


def sixteen_bits(folder):
    return told(folder, stack(folder, film(5, dtype=np.uint16)))


def pages_that_differ(folder):
    path = folder / "strike.tif"
    with tifffile.TiffWriter(path) as file:
        for shape in ((48, 64), (48, 64), (40, 64)):
            file.write(film(1, shape=shape)[0], metadata=None)
    return told(folder, path)


def cut(folder):
    path = stack(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return told(folder, path)


def pages_in_a_circle(folder):
    path = stack(folder)
    with tifffile.TiffFile(path) as file:
        first, second = file.pages[0], file.pages[1]
        after, back = second.offset + 2 + 12 * len(second.tags), first.offset
    _poke(path, after, "<I", back)
    return told(folder, path)


def no_pages(folder):
    path = stack(folder)
    _poke(path, 4, "<I", 0)
    return told(folder, path)


def enormous_pages(folder):
    path = stack(folder, film(1))
    for code in (256, 257):
        at = _tag(path, 0, code)
        _poke(path, at - 6, "<HII", 4, 1, 1 << 30)
    return told(folder, path)
