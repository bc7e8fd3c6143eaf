"""DICOM series made with pydicom: good ones, and the parts from which bad ones are made."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
SERIES, STUDY, REFERENCE = (generate_uid(entropy_srcs=[word]) for word in ("series", "study", "reference"))
SIDE = 16
LPS = np.diag([-1.0, -1.0, 1.0])


def picture(values, **tags):
    """One picture with everything that it needs; tags change it, None removes."""
    values = np.asarray(values)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = (
        STUDY,
        SERIES,
        REFERENCE,
    )
    dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", "P1", "Nobody"
    dataset.ImageType, dataset.SeriesNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], 3
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = values.dtype.itemsize * 8
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(values.dtype.kind == "i")
    dataset.PixelSpacing, dataset.SliceThickness = [0.8, 0.7], 2
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "HU"
    dataset.PixelData = values.tobytes() + bytes(values.nbytes % 2)
    dataset["PixelData"].VR = "OW" if values.dtype.itemsize > 1 else "OB"
    change(dataset, **tags)
    return dataset


def change(dataset, **tags):
    """Set attributes, or remove those that are None."""
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)


def series(n, z=None, **tags):
    """Pictures of a CT, 2 mm apart or at the heights `z`, each with other voxels."""
    random = np.random.default_rng(0)
    heights = [2 * i for i in range(n)] if z is None else z
    return [
        picture(
            random.integers(-500, 500, (SIDE, SIDE), np.int16),
            ImagePositionPatient=[-10, -20, height],
            InstanceNumber=i + 1,
            **tags,
        )
        for i, height in enumerate(heights)
    ]


def encoded(dataset):
    """The bytes of its file."""
    from io import BytesIO

    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write(datasets, folder, name="slice{:03}.dcm"):
    """Write pictures into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, dataset in enumerate(datasets):
        (folder / name.format(i)).write_bytes(dataset if isinstance(dataset, bytes) else encoded(dataset))
    return folder


def places(geometry):
    """Orientation, spacing and the positions of the slices of a grid, as DICOM says them."""
    down, across = geometry.spacing[1:]
    directions = LPS @ geometry.directions
    row, column = directions[:, 2], directions[:, 1]
    depth = geometry.shape[0]
    positions = geometry.world([(k, 0, 0) for k in range(depth)]) @ LPS
    return (
        {
            "ImageOrientationPatient": [f"{x:.12g}" for x in (*row, *column)],
            "PixelSpacing": [f"{down:.12g}", f"{across:.12g}"],
            "SliceThickness": f"{geometry.spacing[0]:.12g}",
        },
        [[f"{x:.12g}" for x in position] for position in positions],
    )


def write_volume(volume, geometry, folder):
    """Write a volume as a series of single MR slices, in an order and with names that say nothing."""
    plane, positions = places(geometry)
    slices = [
        picture(values, Modality="MR", SOPClassUID=MR, ImagePositionPatient=position, **plane)
        for values, position in zip(volume, positions, strict=True)
    ]
    for one in slices:
        del one.RescaleSlope, one.RescaleIntercept
    shuffled = np.random.default_rng(3).permutation(len(slices))
    return write([slices[n] for n in shuffled], folder)


def item(**tags):
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def enhanced(volume, plane, positions, **tags):
    """One enhanced MR with a frame for each slice; frames lie at `positions` in that order."""
    dataset = picture(volume, Modality="MR", SOPClassUID=ENHANCED_MR, NumberOfFrames=len(volume), **tags)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(dataset, name)
    del dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=plane["ImageOrientationPatient"])],
            PixelMeasuresSequence=[item(PixelSpacing=plane["PixelSpacing"])],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=position)]) for position in positions
    ]
    return dataset


def write_enhanced(volume, geometry, path):
    """Write a volume as one enhanced MR."""
    Path(path).write_bytes(encoded(enhanced(volume, *places(geometry))))
