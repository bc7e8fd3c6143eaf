"""Reading a source as `medscience ingest` does: from its first voxel to its last."""

import numpy as np

from medscience.ingest.formats import open_source


def whole(source):
    """Return all voxels of a source."""
    return np.concatenate(list(source.slabs(4)))


def reading(path, acquisition=None):
    """Return an attempt that reads a source to its end, and then gives the codes of its repairs."""

    def attempt():
        source = open_source(path, acquisition)
        whole(source)
        return [repair.code for repair in source.repairs]

    return attempt
