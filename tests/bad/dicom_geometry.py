"""Group A: where DICOM slices lie."""

import numpy as np

from medscience.testing.phantoms import obliques
from tests.bad.reading import reading
from tests.ingest.dicom_files import encoded, enhanced, item, picture, series, write, write_volume


def attempt(folder, slices, **choices):
    return reading(write(slices, folder / "scan"), **choices)


def at_heights(heights):
    return lambda folder, **choices: attempt(folder, series(len(heights), heights), **choices)


def placed(position):
    """Six slices at the positions that a function of their number gives."""

    def make(folder, **choices):
        slices = series(6)
        for n, one in enumerate(slices):
            one.ImagePositionPatient = position(n)
        return attempt(folder, slices, **choices)

    return make


def turned(*orientation):
    return lambda folder: attempt(folder, series(6, ImageOrientationPatient=list(orientation)))


def with_change(index, **tags):
    """Six slices of which some are changed."""

    def make(folder, **choices):
        slices = series(6)
        for one in slices[index]:
            for name, value in tags.items():
                setattr(one, name, value)
        return attempt(folder, slices, **choices)

    return make


def without(name):
    def make(folder):
        slices = series(6)
        for one in slices:
            delattr(one, name)
        return attempt(folder, slices)

    return make


def patched(old, new, only=slice(None)):
    """Six slices of which bytes are changed: what pydicom would not write."""

    def make(folder):
        files = [encoded(one) for one in series(6)]
        for n in range(6)[only]:
            assert old in files[n]
            files[n] = files[n].replace(old, new)
        return attempt(folder, files)

    return make


GAP = [0, 2, 4, 6, 10, 12, 14]

missing_slice = at_heights(GAP)
two_spacings = at_heights([0, 2, 4, 9, 14])
jitter = at_heights([2 * i + 0.01 * (i % 2) for i in range(8)])
same_place_other_pixels = at_heights([0, 2, 4, 4, 6])
tilted = placed(lambda n: [0, n * 0.5, n * 2])
a_little_tilted = placed(lambda n: [0, n * 0.002, n * 2])
other_orientation = with_change(slice(4, 6), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
other_spacing = with_change(slice(4, 6), PixelSpacing=[0.9, 0.9])
no_position = without("ImagePositionPatient")
no_orientation = without("ImageOrientationPatient")
no_spacing = without("PixelSpacing")
infinite_spacing = patched(b"0.8\\0.7 ", b"inf\\0.7 ")
negative_spacing = patched(b"0.8\\0.7 ", b"-.8\\0.7 ")
position_not_a_number = patched(b"-10.0\\-20.0\\4.0", b"nan  \\-20.0\\4.0", slice(2, 3))
too_long_directions = turned(2, 0, 0, 0, 2, 0)
nearly_unit_directions = turned(1.0004, 0, 0, 0, 1, 0)
no_right_angle = turned(1, 0, 0, 0.5, 1, 0)
no_directions = turned(0, 0, 0, 0, 0, 0)
two_patients = with_change(slice(3, 6), PatientID="P2")
two_references = with_change(slice(3, 6), FrameOfReferenceUID="1.2.3.4")
half_a_reference = with_change(slice(3, 6), FrameOfReferenceUID="")
steps_said_otherwise = with_change(slice(0, 6), SpacingBetweenSlices=5)


def missing_slice_resampled(folder):
    return missing_slice(folder, on_gap="resample")


def two_spacings_resampled(folder):
    return two_spacings(folder, on_gap="resample")


def tilted_resampled(folder):
    return tilted(folder, on_tilt="resample")


def tilted_kept(folder):
    return tilted(folder, on_tilt="keep")


def last_slice_missing(folder):
    return attempt(folder, series(8, ImagesInAcquisition=8)[:-1])


def last_slice_missing_accepted(folder):
    return attempt(folder, series(8, ImagesInAcquisition=8)[:-1], accept=("missing-slices",))


def last_slice_missing_unsaid(folder):
    """Nothing in the header tells; the record says so."""
    path = write(series(8)[:-1], folder / "scan")

    def codes():
        from medscience.ingest.formats import open_source

        return [repair.code for repair in open_source(path).repairs]

    return codes


def copied_slice(folder):
    slices = series(6)
    return attempt(folder, [*slices, slices[2]])


def one_identifier_two_pictures(folder):
    slices = series(6)
    slices[4].SOPInstanceUID = slices[2].SOPInstanceUID
    return attempt(folder, slices)


def other_size(folder):
    slices = series(6)
    slices[4] = picture(np.zeros((8, 16), np.int16), ImagePositionPatient=[-10, -20, 8])
    return attempt(folder, slices)


def oblong_pixels(folder):
    """Taller than wide: rows lie 0.8 mm apart, columns 0.7 mm."""
    path = write(series(6, ImagesInAcquisition=6), folder / "scan")

    def attempt_and_check():
        from medscience.ingest.formats import open_source

        np.testing.assert_allclose(open_source(path).meaning.geometry.spacing, (2, 0.8, 0.7))
        return reading(path)()

    return attempt_and_check


def two_echoes(folder, **choices):
    """Two volumes on the same positions, four slices each."""
    slices = series(8, [(i % 4) * 2 for i in range(8)])
    for n, one in enumerate(slices):
        one.EchoTime = 5.1 if n < 4 else 10.2
    return attempt(folder, slices, **choices)


def two_echoes_one_named(folder):
    return two_echoes(folder, volume=2)


def two_phases(folder, **tags):
    slices = series(8, [(i % 4) * 2 for i in range(8)], **tags)
    for n, one in enumerate(slices):
        one.TemporalPositionIdentifier = 1 + n // 4
    return attempt(folder, slices)


def two_times(folder):
    return two_phases(folder, TemporalResolution=2500)


def second_volume_moved(folder):
    slices = series(8, [(i % 4) * 2 for i in range(8)])
    for n, one in enumerate(slices):
        one.TemporalPositionIdentifier = 1 + n // 4
        if n >= 4:
            one.ImagePositionPatient = [-8.5, -20, (n % 4) * 2]
    return attempt(folder, slices)


def phases_of_frames(folder):
    """Two phases in one enhanced file."""
    volume = np.random.default_rng(0).integers(0, 500, (8, 16, 16), np.int16)
    plane = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.8, 0.7]}
    one = enhanced(volume, plane, [[0, 0, 2 * (n % 4)] for n in range(8)])
    for n, groups in enumerate(one.PerFrameFunctionalGroupsSequence):
        groups.FrameContentSequence = [item(TemporalPositionIndex=1 + n // 4)]
    path = folder / "scan.dcm"
    path.write_bytes(encoded(one))
    return reading(path)


def reversed_and_shuffled(folder):
    slices = series(6, ImagesInAcquisition=6)
    for n, one in enumerate(slices):
        one.InstanceNumber = 6 - n
    return attempt(folder, [slices[n] for n in (3, 0, 5, 1, 4, 2)])


def localizer_inside(folder):
    slices = series(6)
    scout = picture(np.zeros((16, 16), np.int16), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    return attempt(folder, [scout, *slices])


def two_series(folder, **choices):
    others = series(5, SeriesInstanceUID="1.2.3.98765", SeriesNumber=7)
    return attempt(folder, [*series(6), *others], **choices)


def two_series_named_by_number(folder):
    return two_series(folder, series="7")


def two_series_named_by_uid(folder):
    return two_series(folder, series="98765")


def single_slice(folder, **choices):
    return attempt(folder, series(1), **choices)


def single_slice_accepted(folder):
    return single_slice(folder, accept=("single-slice",))


def frames_at(heights, folder):
    path = folder / "scan.dcm"
    volume = np.random.default_rng(0).integers(0, 500, (len(heights), 16, 16), np.int16)
    plane = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.8, 0.7]}
    path.write_bytes(encoded(enhanced(volume, plane, [[0, 0, z] for z in heights])))
    return path, volume


def frames_with_gap(folder):
    return reading(frames_at([0, 2, 4, 8, 10, 12], folder)[0])


def frames_with_gap_resampled(folder):
    return reading(frames_at([0, 2, 4, 8, 10, 12], folder)[0], on_gap="resample")


def frames_out_of_order(folder):
    path, volume = frames_at([10, 0, 4, 2, 8, 6], folder)

    def attempt_and_check():
        from medscience.ingest.formats import open_source

        found = np.concatenate(list(open_source(path).slabs(3)))
        np.testing.assert_array_equal(found, volume[[1, 3, 2, 5, 4, 0]])
        return reading(path)()

    return attempt_and_check


def oblique(folder):
    """Any grid; the reader's contract goes through the 48 orientations and 20 obliques."""
    grid = obliques(1)[0]
    volume = np.random.default_rng(0).integers(0, 500, grid.shape, np.int16)
    return reading(write_volume(volume, grid, folder / "scan"))
