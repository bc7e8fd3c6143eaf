"""Group D: NRRD."""

import numpy as np

from medscience.testing.phantoms import orientations
from tests.bad.nifti import CANARY, ingesting, without
from tests.bad.reading import reading
from tests.ingest.test_nrrd import write_by_hand


def written(name="scan.nrrd", space="RAS", **change):
    """A scan with some fields of its header changed."""

    def make(folder):
        path, volume = folder / name, np.arange(693, dtype=np.int16).reshape(7, 9, 11)
        fields = {field.replace("_", " ").strip(): value for field, value in change.items()}
        write_by_hand(volume, orientations()[11], path, space=space, change=fields)
        return reading(path)

    return make


absolute = written("scan.nhdr", data_file="/etc/passwd")
above = written("scan.nhdr", data_file="../scan.raw")
a_list = written("scan.nhdr", data_file="LIST")
right_anterior_superior = written(space="RAS")
left_posterior_superior = written(space="LPS")
no_space = written(space_=None)
some_space = written(space_="3D-right-handed")
no_direction = written(space_directions="none (0,1,0) (0,0,1)")
list_axis = written(dimension="4", sizes="3 11 9 7", kinds="list domain domain domain")
singular = written(space_directions="(1,0,0) (1,0,0) (0,0,1)")
sheared = written(space_directions="(1,0,0) (0.6,0.8,0) (0,0,1)")
lying_type = written(type="uchar")
huge = written(sizes="11 9 99999999999")


def truncated(folder):
    """The last bytes are missing."""
    attempt = written()(folder)
    path = folder / "scan.nrrd"
    path.write_bytes(path.read_bytes()[:-20])
    return attempt


def swapped(folder):
    """A smooth volume that is said to have the other byte order."""
    path, volume = folder / "scan.nrrd", np.indices((7, 9, 11)).sum(axis=0).astype(np.int16)
    write_by_hand(volume, orientations()[11], path, change={"endian": "big"})
    return reading(path)


def names_in_keys(folder):
    """A patient's name among the keys."""
    written()(folder)
    path = folder / "scan.nrrd"
    path.write_bytes(path.read_bytes().replace(b"# a comment", b"0010|0010:=" + CANARY))
    return without(CANARY, ingesting(path, folder), folder)
