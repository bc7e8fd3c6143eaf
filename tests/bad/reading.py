"""Reading a source as `medscience ingest` does: from its first voxel to its last."""

from medscience.ingest.formats import open_source


def reading(path, acquisition=None):
    """Return an attempt that reads a source to its end, and then gives the codes of its repairs."""

    def attempt():
        source = open_source(path, acquisition)
        for _ in source.slabs(4):
            pass
        return [repair.code for repair in source.repairs]

    return attempt
