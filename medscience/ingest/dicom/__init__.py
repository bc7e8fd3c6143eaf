"""DICOM, from the bytes of a folder to a volume; `read.open_dicom` is the door."""
