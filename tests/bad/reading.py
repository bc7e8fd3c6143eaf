"""Reading a source as `medscience ingest` does: from its first voxel to its last."""

from medscience.ingest.choices import Choices
from medscience.ingest.formats import open_source


def reading(path, **choices):
    """Return an attempt that reads a source to its end, and then gives the codes of its repairs."""

    def attempt():
        source = open_source(path, Choices(**choices))
        for _ in source.slabs(4):
            pass
        return [repair.code for repair in source.repairs if repair.code not in ALWAYS]

    return attempt


ALWAYS = {"DICOM-END"}
"""Said of every series whose header does not count its slices."""
