"""Group D: MetaImage."""

import os
import zlib

import numpy as np

from medscience.testing.phantoms import orientations
from tests.bad.nifti import CANARY, flipped, ingesting, without
from tests.bad.reading import reading
from tests.ingest.test_metaimage import edit, write_itk


def scan(path, *, packed=False, **fields):
    """Write a good scan, smooth as bodies are."""
    z, y, x = np.indices((7, 9, 11))
    volume = (40 * z + 3 * y + 2 * x - 100).astype(np.int16)
    write_itk(volume, orientations()[11], path, packed=packed, **fields)
    return path


def edited(name, value, file="scan.mha"):
    """A scan with one field of its header changed."""

    def make(folder):
        path = scan(folder / file)
        edit(path, name, value)
        return reading(path)

    return make


def naming(name, make_it=None):
    """A header that names another file than its own data."""

    def make(folder):
        inner = folder / "inner"
        inner.mkdir()
        path = scan(inner / "scan.mhd")
        data = path.with_suffix(".raw").rename(folder / "scan.raw")
        edit(path, "ElementDataFile", name)
        if make_it:
            make_it(data, inner / name)
        return reading(path)

    return make


def packed(change):
    """A scan with packed data that are changed."""

    def make(folder):
        path = scan(folder / "scan.mhd", packed=True)
        data = path.with_suffix(".zraw")
        data.write_bytes(change(data.read_bytes()))
        return reading(path)

    return make


absolute = naming("/etc/passwd")
above = naming("../scan.raw")
above_in_windows = naming("..\\scan.raw")
device = naming("/dev/zero")
a_list = naming("LIST\n/etc/passwd")
link = naming("link.raw", lambda data, path: path.symlink_to(data))
pipe = naming("pipe.raw", lambda _, path: os.mkfifo(path))
folder_for_data = naming("folder.raw", lambda _, path: path.mkdir())
truncated_packed = packed(lambda content: content[:-9])
one_bit_packed = packed(flipped)
hundred_axes = edited("NDims", 100)
thousand_axes = edited("NDims", 1000)
two_axes = edited("NDims", 2)
no_spacing = edited("ElementSpacing", None)
spacing_zero = edited("ElementSpacing", "1 0 1")
spacing_nan = edited("ElementSpacing", "1 nan 1")
spacing_negative = edited("ElementSpacing", "1.2 -0.8 2.5")
huge = edited("DimSize", "11 9 99999999999")
beyond_numbers = edited("DimSize", "11 9 1e300")
size_negative = edited("DimSize", "11 9 -7")
size_zero = edited("DimSize", "11 0 7")
two_sizes = edited("DimSize", "11 9")
bogus_type = edited("ElementType", "MET_BOGUS")
lying_type = edited("ElementType", "MET_UCHAR")
lying_wide_type = edited("ElementType", "MET_DOUBLE")
swapped = edited("BinaryDataByteOrderMSB", "True")
sheared = edited("TransformMatrix", "1 0 0 0.6 0.8 0 0 0 1")
singular = edited("TransformMatrix", "1 0 0 1 0 0 0 0 1")


def truncated_raw(folder):
    """The last bytes of plain data are missing."""
    path = scan(folder / "scan.mha")
    path.write_bytes(path.read_bytes()[:-20])
    return reading(path)


def one_bit_raw(folder):
    """A changed bit that only the digest in the sheet can tell."""
    import hashlib

    path = scan(folder / "scan.mha")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])
    return ingesting(path, folder, sha256=digest)


def bomb(folder):
    """Two hundred kilobytes that unpack to two hundred megabytes, more than the header promises."""
    path = scan(folder / "scan.mhd", packed=True)
    path.with_suffix(".zraw").write_bytes(zlib.compress(bytes(200 << 20)))
    return reading(path)


def names_in_keys(folder):
    """A patient's name in the header, as DICOM's elements are written there by some."""
    path = scan(folder / "scan.mha")
    edit(path, "0010|0010", CANARY.decode())
    return without(CANARY, ingesting(path, folder), folder)
