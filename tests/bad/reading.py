"""Reading a source as `medscience ingest` does: from its first voxel to its last."""

import numpy as np

from medscience.ingest.choices import Choices
from medscience.ingest.formats import open_source

ALWAYS = {"DICOM-END"}
"""Said of every series whose header does not count its slices."""


def whole(source):
    """Return all voxels of a source."""
    return np.concatenate(list(source.slabs(4)))


def reading(path, acquisition=None, **choices):
    """Return an attempt that reads a source to its end, and then gives the codes of its repairs."""

    def attempt():
        source = open_source(path, acquisition, Choices(**choices))
        whole(source)
        return [repair.code for repair in source.repairs if repair.code not in ALWAYS]

    return attempt
