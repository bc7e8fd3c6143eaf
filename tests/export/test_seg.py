"""A segmentation in DICOM: its marker lies on the source's marker, in every orientation and form."""

import highdicom as hd
import numpy as np
import pydicom
import pytest

from medscience.description import Label
from medscience.errors import InputError, MismatchError
from medscience.ingest.dicom.read import open_dicom
from medscience.steps.export import seg
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from medscience.store.metadata import LabelMeaning
from medscience.testing.phantoms import centroid, landmark, obliques, orientations
from tests.ingest.dicom_files import encoded, enhanced, picture, places
from tests.ingest.dicom_files import write as write_files
from tests.store.conftest import write

NAMES = tuple(
    Label(value=n, name=name, color=(n, 0, 0)) for n, name in enumerate(("background", "liver", "tumour"))
)


def write_ct(volume, geometry, folder):
    """A CT of single slices, in an order and with names that say nothing."""
    plane, positions = places(geometry)
    slices = [
        picture(
            values,
            ImagePositionPatient=position,
            InstanceNumber=n + 1,
            **plane,
        )
        for n, (values, position) in enumerate(zip(volume, positions, strict=True))
    ]
    shuffled = np.random.default_rng(3).permutation(len(slices))
    return write_files([slices[n] for n in shuffled], folder)


def case(folder, geometry, write_source=write_ct):
    """A source with a marker, its store, and labels: the marker is tumour, a part around it liver."""
    mark = landmark(geometry)
    source = write_source(mark.volume, geometry, folder / "source")
    image = folder / "image.ome.zarr"
    ingest(source, image)
    stored = open_image(image)
    volume = stored.image.read((slice(None),) * 3)
    labels = (2 * (volume > 0)).astype(np.uint8)
    labels[:, : labels.shape[1] // 2][labels[:, : labels.shape[1] // 2] == 0] = 1
    meaning = LabelMeaning(NAMES, "image", stored.commit.digest, model="net")
    affine = stored.image.geometry.affine
    return source, image, write(folder / "labels.ome.zarr", labels, affine=affine, labels=meaning), mark


def in_the_world(volume):
    """The middle of what a segment covers, RAS+."""
    index = np.argwhere(volume.array[..., 0] > 0).mean(axis=0)
    return (volume.affine @ [*index, 1])[:3] * (-1, -1, 1)


@pytest.mark.parametrize("geometry", [*orientations(), *obliques(6)], ids=lambda grid: grid.orientation)
def test_the_marker_lies_on_the_marker_on_any_grid(tmp_path, geometry):
    source, image, labels, mark = case(tmp_path, geometry)
    seg(labels, image, source, tmp_path / "out.dcm")
    found = hd.seg.segread(tmp_path / "out.dcm")
    assert in_the_world(found.get_volume(segment_numbers=[2])) == pytest.approx(mark.world, abs=1e-3)
    stored = open_image(labels)
    liver = (stored.image.read((slice(None),) * 3) > 0).astype(np.uint8)
    middle = in_the_world(found.get_volume(segment_numbers=[1]))
    assert middle == pytest.approx(centroid(liver, stored.image.geometry), abs=1e-3)


def test_every_frame_stands_on_the_slice_that_it_was_drawn_on(tmp_path):
    source, image, labels, _ = case(tmp_path, orientations()[5])
    seg(labels, image, source, tmp_path / "out.dcm")
    found = hd.seg.segread(tmp_path / "out.dcm")
    by_uid = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, source.iterdir())}
    drawn = found.get_pixels_by_source_instance(list(by_uid), segment_numbers=[2])[..., 0]
    for mask, one in zip(drawn, by_uid.values(), strict=True):
        assert np.array_equal(mask > 0, one.pixel_array > 0)


def test_it_belongs_to_the_study_and_is_coded(tmp_path):
    source, image, labels, _ = case(tmp_path, orientations()[0])
    seg(labels, image, source, tmp_path / "out.dcm")
    found, first = pydicom.dcmread(tmp_path / "out.dcm"), pydicom.dcmread(next(source.iterdir()))
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert getattr(found, name) == getattr(first, name)
    assert found.SeriesInstanceUID != first.SeriesInstanceUID
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    types = [segment.SegmentedPropertyTypeCodeSequence[0] for segment in found.SegmentSequence]
    assert [(one.CodingSchemeDesignator, one.CodeValue) for one in types] == [
        ("SCT", "10200004"),
        ("SCT", "108369006"),
    ]
    assert {segment.SegmentAlgorithmType for segment in found.SegmentSequence} == {"AUTOMATIC"}
    assert found.SegmentSequence[1].AnatomicRegionSequence[0].CodeValue == "10200004"


def write_many_frames(volume, geometry, path):
    """One file whose frames lie in an order of their own."""
    plane, positions = places(geometry)
    order = np.random.default_rng(4).permutation(len(volume))
    path.mkdir()
    one = enhanced(
        volume[order],
        plane,
        [positions[n] for n in order],
    )
    measures = one.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SliceThickness = plane["SliceThickness"]
    (path / "all.dcm").write_bytes(encoded(one))
    return path


@pytest.mark.parametrize("geometry", orientations()[::13], ids=lambda grid: grid.orientation)
def test_a_source_of_many_frames_in_one_file_is_opened_on_as_well(tmp_path, geometry):
    source, image, labels, mark = case(tmp_path, geometry, write_many_frames)
    seg(labels, image, source, tmp_path / "out.dcm")
    found = hd.seg.segread(tmp_path / "out.dcm")
    assert in_the_world(found.get_volume(segment_numbers=[2])) == pytest.approx(mark.world, abs=1e-3)


def test_labels_without_a_tumour_are_a_segment_without_frames(tmp_path):
    source, image, labels, _ = case(tmp_path, orientations()[0])
    stored = open_image(labels)
    only = np.minimum(stored.image.read((slice(None),) * 3), 1)
    liver = write(
        tmp_path / "liver.ome.zarr", only, affine=stored.image.geometry.affine, labels=stored.content.labels
    )
    seg(liver, image, source, tmp_path / "out.dcm")
    found = hd.seg.segread(tmp_path / "out.dcm")
    assert found.number_of_segments == 2
    nothing = write(
        tmp_path / "no.ome.zarr", only * 0, affine=stored.image.geometry.affine, labels=stored.content.labels
    )
    seg(nothing, image, source, tmp_path / "empty.dcm")
    assert hd.seg.segread(tmp_path / "empty.dcm").number_of_segments == 2


def test_no_word_of_the_patient_is_said(tmp_path, capfd, recwarn):
    source, image, labels, _ = case(tmp_path, orientations()[0])
    seg(labels, image, source, tmp_path / "out.dcm")
    assert pydicom.dcmread(tmp_path / "out.dcm").PatientName == "Nobody"
    assert "Nobody" not in "".join(map(str, [*capfd.readouterr(), *recwarn]))


@pytest.mark.parametrize("name", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
def test_a_series_without_identifiers_cannot_be_referred_to_but_its_file_headers_may_know_one(tmp_path, name):
    def without(volume, geometry, folder):
        for path in write_ct(volume, geometry, folder).iterdir():
            one = pydicom.dcmread(path)
            setattr(one, name, "")
            one.save_as(path)
        return folder

    source, image, labels, mark = case(tmp_path, orientations()[7], without)
    if name == "SOPInstanceUID":
        seg(labels, image, source, tmp_path / "out.dcm")
        found = hd.seg.segread(tmp_path / "out.dcm")
        assert in_the_world(found.get_volume(segment_numbers=[2])) == pytest.approx(mark.world, abs=1e-3)
        return
    with pytest.raises(InputError, match=rf"DICOM-NO-UID.*{name}.*export ct"):
        seg(labels, image, source, tmp_path / "out.dcm")
    assert not (tmp_path / "out.dcm").exists()


def test_another_series_and_resampled_slices_are_refused(tmp_path):
    source, image, labels, mark = case(tmp_path, orientations()[0])
    other = write_ct(mark.volume + 1, orientations()[0], tmp_path / "other")
    with pytest.raises(MismatchError, match=r"EXPORT-SOURCE.*another series"):
        seg(labels, image, other, tmp_path / "out.dcm")
    assert open_dicom(other).sha256 != open_dicom(source).sha256
    assert not (tmp_path / "out.dcm").exists()
