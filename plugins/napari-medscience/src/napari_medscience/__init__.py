"""napari as the eyes of medscience."""

__version__ = "0.1.0"
