from itertools import permutations, product

import numpy as np
import pytest

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.report.figures import meeting_point, slices, window

RED = (Label(value=1, name="block", color=(255, 0, 0)),)
ORIENTATIONS = ["".join(letters) for pairs in permutations(("LR", "PA", "IS")) for letters in product(*pairs)]


def volume(array, spacing=(1.0, 1.0, 1.0), turn=None):
    """An image whose axes z, y, x run to S, A, R, or are then turned about in the world."""
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0, 3], [0, 1, 2, 3]] = (*spacing, 1)
    if turn is not None:
        matrix[:3, :3] = turn @ matrix[:3, :3]
    return Image(array, Meaning(Geometry(array.shape, as_affine(matrix))))


def turned(image, orientation):
    """The same patient on a grid of another orientation."""
    change = image.geometry.reorientation(orientation)
    return Image(change.apply(image.data), Meaning(image.geometry.reoriented(change)))


def corner_block():
    """A bright block in the patient's left, anterior, superior corner of a grey volume."""
    values = np.full((40, 44, 48), 80, dtype=np.uint8)
    labels = np.zeros(values.shape, dtype=np.uint8)
    block = (slice(31, 36), slice(33, 40), slice(4, 11))
    values[block], labels[block] = 250, 1
    return volume(values, (1.2, 1.0, 0.9)), volume(labels, (1.2, 1.0, 0.9))


def pictured(image, labels, names=RED):
    """Three slices as the report shows them."""
    return slices(image, labels, names, meeting_point(labels), window(image[-1]))


def pixels(picture):
    return np.asarray(picture).astype(int)


def panels(drawn):
    """The three slices, found as runs of columns that are not black all the way down."""
    picture = pixels(drawn)
    shown = (np.median(picture.sum(axis=2), axis=0) > 60).astype(int)
    steps = np.diff(np.concatenate([[0], shown, [0]]))
    found = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    three = [picture[:, start:stop] for start, stop in found if stop - start > 20]
    assert len(three) == 3
    return three


def place(panel):
    """Where the reddish outline lies in a panel: (down, right), each from 0 to 1."""
    rows = np.flatnonzero(panel.sum(axis=2).max(axis=1) > 60)
    red = np.argwhere(panel[..., 0] - panel[..., 1] > 120)
    down, right = red.mean(axis=0)
    return (down - rows[0]) / np.ptp(rows), right / panel.shape[1]


def test_the_patients_left_is_on_the_right_and_the_picture_is_upright():
    axial, coronal, sagittal = panels(pictured(*((volume,) for volume in corner_block())))
    for panel in (axial, coronal):
        down, right = place(panel)
        assert down < 0.35
        assert right > 0.65
    down, right = place(sagittal)
    assert down < 0.35
    assert right < 0.35


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_picture_is_the_same_for_all_48_orientations(orientation):
    image, labels = corner_block()
    same = pictured([turned(image, orientation)], [turned(labels, orientation)])
    assert same == pictured([image], [labels])


def test_an_oblique_grid_is_shown_along_its_own_axes():
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    image, labels = (volume(part.data, turn=turn) for part in corner_block())
    straight = [volume(part.data) for part in corner_block()]
    oblique = pixels(pictured([image], [labels]))
    assert np.abs(oblique - pixels(pictured([straight[0]], [straight[1]]))).max() <= 1


def test_a_cube_looks_like_a_cube_whatever_the_spacing():
    spacing = (4.0, 1.0, 0.5)
    shape = (15, 60, 120)
    labels = np.zeros(shape, dtype=np.uint8)
    labels[5:10, 20:40, 40:80] = 1
    picture = pictured([volume(np.full(shape, 90), spacing)], [volume(labels, spacing)])
    for panel in panels(picture):
        red = np.argwhere(panel[..., 0] - panel[..., 1] > 120)
        height, width = np.ptp(red, axis=0)
        assert height == pytest.approx(width, rel=0.12)


HARD = {
    "constant": np.full((9, 9, 9), 7.0),
    "not a number": np.full((9, 9, 9), np.nan),
    "partly infinite": np.where(np.arange(729).reshape(9, 9, 9) % 3, 1.0, np.inf),
    "one slice": np.arange(400.0).reshape(1, 20, 20),
    "one voxel": np.ones((1, 1, 1)),
    "a needle": np.arange(300.0).reshape(300, 1, 1),
    "16 bit": np.arange(729, dtype=np.int16).reshape(9, 9, 9) - 1024,
    "yes or no": np.arange(729).reshape(9, 9, 9) % 2 == 0,
}


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
@pytest.mark.parametrize("labelled", ["nothing", "one voxel", "everything"])
def test_hard_images_are_drawn_without_a_warning(values, labelled):
    labels = np.zeros(values.shape, dtype=np.uint8)
    if labelled == "everything":
        labels[...] = 1
    elif labelled == "one voxel":
        labels[-1, -1, -1] = 1
    height, width, _ = pixels(pictured([volume(values)], [volume(labels)])).shape
    assert height > 20
    assert width == 960


def test_the_slices_meet_in_the_only_labelled_voxel():
    values = np.zeros((30, 30, 30), dtype=np.uint8)
    labels = values.copy()
    labels[4, 25, 7] = 1
    for panel in panels(pictured([volume(values + 50)], [volume(labels)])):
        assert (panel[..., 0] - panel[..., 1] > 120).any()


class Watched:
    """An array that remembers the largest number of voxels read at once."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.largest = 0

    def __getitem__(self, region):
        part = self._array[region]
        self.largest = max(self.largest, part.size)
        return part


@pytest.mark.parametrize("labelled", [True, False])
def test_no_more_than_slices_is_read_at_full_resolution(labelled):
    fine = [Watched(np.zeros((64, 64, 64), dtype=np.uint8)) for _ in range(2)]
    coarse = np.full((32, 32, 32), labelled, dtype=np.uint8)
    pyramids = [[volume(array), volume(coarse, (2.0, 2.0, 2.0))] for array in fine]
    pictured(*pyramids)
    assert [array.largest for array in fine] == [64 * 64] * 2
