"""Group C: NIfTI."""

import gzip

import nibabel as nib
import numpy as np

from medscience.ingest.formats import open_source
from medscience.steps.ingest import ingest
from medscience.store.commit import read_commit
from medscience.testing.phantoms import orientations
from tests.bad.reading import reading, whole
from tests.ingest.test_nifti import NO_QFORM, NO_SFORM, poke, write_nifti

CANARY = b"Doe^Jane"


def scan(path, dtype=np.int16):
    """Write a good scan."""
    volume = np.random.default_rng(0).integers(0, 999, (7, 9, 11)).astype(dtype)
    write_nifti(volume, orientations()[11], path)
    return path


def packed(change):
    """A gzipped scan whose bytes are changed."""

    def make(folder):
        path = scan(folder / "scan.nii.gz")
        path.write_bytes(change(path.read_bytes()))
        return reading(path)

    return make


def poked(*changes):
    """A plain scan whose header is changed."""

    def make(folder):
        path = scan(folder / "scan.nii")
        poke(path, *changes)
        return reading(path)

    return make


def flipped(content):
    """Change one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


half = packed(lambda content: content[: len(content) // 2])
almost_whole = packed(lambda content: content[: len(content) * 999 // 1000])
without_trailer = packed(lambda content: content[:-8])
wrong_checksum = packed(lambda content: content[:-6] + b"\0\0" + content[-4:])
one_bit = packed(flipped)
plain_named_gz = packed(gzip.decompress)
garbage_behind_gzip = packed(lambda content: content + b"garbage")
no_axes = poked((40, "h", 0))
nine_axes = poked((40, "h", 9))
negative_size = poked((42, "h", -5))
size_zero = poked((44, "h", 0))
eight_gibibytes = poked((42, "h", 2048, 2048, 1024))
no_type = poked((70, "h", 0))
rgb = poked((70, "h", 128))
complex_numbers = poked((70, "h", 32))
float128 = poked((70, "h", 1536))
bitpix = poked((72, "h", 64))
pixdim_zero = poked((80, "f", 0.0), NO_SFORM)
pixdim_nan = poked((80, "f", np.nan), NO_SFORM)
pixdim_negative = poked((84, "f", -0.8), NO_SFORM)
no_form = poked(NO_SFORM, NO_QFORM)
singular = poked((280, "f", *[0.0] * 12), NO_QFORM)
sform_nan = poked((280, "f", np.nan), NO_QFORM)
forms_disagree = poked((268, "f", 99.0))
no_rotation = poked((256, "f", 0.9, 0.9, 0.9), NO_SFORM)
slope_nan = poked((112, "f", np.nan))
intercept_infinite = poked((116, "f", np.inf))
slope_zero = poked((112, "f", 0.0))
offset_zero = poked((108, "f", 0.0))
offset_negative = poked((108, "f", -1.0))
offset_beyond = poked((108, "f", 1e9))
unit_unknown = poked((123, "B", 0))
unit_unheard_of = poked((123, "B", 5))
singleton = poked((40, "h", 4), (48, "h", 1))
vectors = poked((40, "h", 5), (48, "h", 1, 3))
a_slice = poked((40, "h", 2))
analyze = poked((344, "I", 0))
half_a_pair = poked((344, "I", int.from_bytes(b"ni1\0", "little")))
noise = poked((0, "I", 12345))


def series_without_time(folder):
    """Two volumes, and nothing that says how they follow each other."""
    path = folder / "scan.nii"
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 2), np.int16), np.eye(4)), path)
    return reading(path)


def cut(folder):
    """The last voxels of a plain file are missing."""
    path = scan(folder / "scan.nii")
    path.write_bytes(path.read_bytes()[:-20])
    return reading(path)


def two_files(folder):
    """`ct.nii` beside `ct.nii.gz`, with other voxels: exactly the named file is read."""
    for value, name in enumerate(("ct.nii", "ct.nii.gz")):
        write_nifti(np.full((7, 9, 11), value, np.int16), orientations()[0], folder / name)

    def attempt():
        assert (whole(open_source(folder / "ct.nii")) == 0).all()
        assert (whole(open_source(folder / "ct.nii.gz")) == 1).all()
        return []

    return attempt


def two_members(folder):
    """A gzip of two members, which together are the file."""
    path = scan(folder / "scan.nii.gz")
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    return reading(path)


def data_after_the_voxels(folder):
    """Bytes follow the last voxel."""
    path = scan(folder / "scan.nii")
    path.write_bytes(path.read_bytes() + b"more")
    return reading(path)


def gzip_named_plain(folder):
    """Gzipped data whose name does not say so."""
    path = scan(folder / "scan.nii.gz")
    return reading(path.rename(folder / "scan.nii"))


def in_unit(unit, factor):
    """Positions in another unit."""

    def make(folder):
        path = folder / "scan.nii"
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([factor, factor, factor, 1]))
        image.header.set_xyzt_units(unit)
        nib.save(image, path)

        def attempt():
            np.testing.assert_allclose(open_source(path).meaning.geometry.spacing, 1, rtol=1e-6)
            return reading(path)()

        return attempt

    return make


metres = in_unit("meter", 0.001)
microns = in_unit("micron", 1000.0)


def sheared(amount):
    """Axes that are not at right angles."""

    def make(folder):
        path, matrix = folder / "scan.nii", np.eye(4)
        matrix[0, 1] = amount
        image = nib.Nifti1Image(np.zeros((4, 5, 6), np.uint8), None)
        image.header.set_xyzt_units("mm")
        image.set_sform(matrix, 1)
        nib.save(image, path)
        return reading(path)

    return make


slight_shear = sheared(0.001)
strong_shear = sheared(0.1)


def not_finite(value):
    """A few voxels that are no numbers."""

    def make(folder):
        path, volume = folder / "scan.nii.gz", np.zeros((7, 9, 11), np.float32)
        volume[3, 4, 5] = volume[6, 0, 0] = value
        write_nifti(volume, orientations()[0], path)
        return reading(path)

    return make


not_a_number = not_finite(np.nan)
infinite = not_finite(np.inf)


def big_endian(folder):
    """A file from another kind of machine."""
    path, swapped = scan(folder / "scan.nii"), folder / "swapped.nii"
    image = nib.load(path)
    nib.save(nib.Nifti1Image(image.dataobj, None, image.header.as_byteswapped(">")), swapped)

    def attempt():
        assert (whole(open_source(swapped)) == whole(open_source(path))).all()
        return reading(swapped)()

    return attempt


def pair(missing=None):
    """Header and voxels in two files, perhaps one of them missing."""

    def make(folder):
        path = scan(folder / "scan.nii")
        nib.save(nib.Nifti1Pair.from_image(nib.load(path)), folder / "pair.hdr")
        path.unlink()
        if missing:
            (folder / missing).unlink()
        return reading(folder / "pair.hdr")

    return make


whole_pair = pair()
pair_without_voxels = pair("pair.img")
pair_without_header = pair("pair.hdr")


def ingesting(path, folder, **options):
    """Return an attempt that brings a scan into a store, and gives the codes of what was recorded."""
    store = folder / "result.ome.zarr"

    def attempt():
        ingest(path, store, **options)
        return [repair["code"] for repair in read_commit(store).record["repairs"]]

    return attempt


def float_labels(folder):
    """A label map of fractions."""
    return ingesting(scan(folder / "labels.nii", np.float32), folder, labels=True)


def negative_labels(folder):
    """A label map with numbers below 0."""
    path, volume = folder / "labels.nii", np.zeros((7, 9, 11), np.int16)
    volume[2, 3, 4:6] = -7, -3
    write_nifti(volume, orientations()[0], path)
    return ingesting(path, folder, labels=True)


def ct_from_0_to_255(folder):
    """A CT whose numbers were made those of a picture."""
    path, volume = folder / "ct.nii", np.arange(693).reshape(7, 9, 11) % 256
    write_nifti(volume.astype(np.int16), orientations()[0], path)
    return ingesting(path, folder, hounsfield=True)


def names_in_text(folder):
    """A person's name in every text field, and in an extension."""
    path = scan(folder / "scan.nii")
    image = nib.load(path)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", CANARY))
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = CANARY
    named = folder / "named.nii"
    nib.save(image, named)
    return without(CANARY, ingesting(named, folder), folder)


def without(canary, attempt, folder):
    """Return an attempt that leaves no trace of a name in what it writes."""

    def without_names():
        codes = attempt()
        written = [file for file in folder.rglob("result*/**/*") if file.is_file()]
        written += folder.glob("result*.json")
        assert len(written) > 2
        assert not [file for file in written if canary in file.read_bytes()]
        return codes

    return without_names
