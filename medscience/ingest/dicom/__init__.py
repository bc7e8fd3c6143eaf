"""DICOM, from the bytes of a folder to a volume; `open_dicom` is the door."""

from medscience.ingest.dicom.read import open_dicom

__all__ = ["open_dicom"]
