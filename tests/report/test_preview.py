import io
import zlib

import numpy as np
import pytest
from PIL import Image as Picture

from medscience.report.budget import PAGE
from medscience.report.html import write_report
from medscience.report.preview import MOST_VOXELS, image_preview, label_preview
from medscience.report.shrink import upright
from tests.report.many import many
from tests.report.test_figures import HARD, volume


def voxels_of(preview):
    """What the page's scripts make of a preview."""
    if not preview.columns:
        return np.frombuffer(zlib.decompress(preview.content), preview.kind).reshape(preview.grid.shape)
    picture = np.asarray(Picture.open(io.BytesIO(preview.content)).convert("L"))
    slices, height, width = preview.grid.shape
    tiles = picture.reshape(-1, height, preview.columns, width).swapaxes(1, 2).reshape(-1, height, width)
    return tiles[:slices]


def noise(shape):
    return np.random.default_rng(0).normal(100, 30, shape).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("most", [2_000, 20_000, 200_000])
def test_a_copy_fits_and_what_is_left_is_not_wasted(most):
    values = noise((96, 96, 96))
    for preview in (
        image_preview([volume(values)], (0.0, 255.0), most),
        label_preview([volume(values // 64)], [1, 2, 3], most),
    ):
        whole = preview.grid.shape == values.shape
        assert len(preview.content) <= most
        assert whole or len(preview.content) > most / 3


def test_with_room_enough_labels_are_copied_exactly():
    labels = np.random.default_rng(0).choice([0, 3, 700, 41], (5, 6, 7)).astype(np.uint16)
    preview = label_preview([volume(labels)], [41, 3, 700], 100_000)
    expected = upright(volume(labels)).data[:, :, :]
    np.testing.assert_array_equal(
        voxels_of(preview), np.select([expected == n for n in (41, 3, 700)], [1, 2, 3])
    )


def test_more_labels_than_a_byte_can_count_take_two():
    labels = np.arange(400, dtype=np.uint16).reshape(4, 10, 10)
    preview = label_preview([volume(labels)], list(range(1, 400)), 100_000)
    assert preview.kind == "uint16"
    np.testing.assert_array_equal(np.sort(voxels_of(preview), axis=None), np.arange(400))


def test_brightness_survives_the_picture():
    z, y, x = np.indices((20, 30, 40))
    values = 4 * z + 2 * y + x
    preview = image_preview([volume(values)], (0.0, 200.0), 1_000_000)
    expected = 255 * upright(volume(values)).data[:, :, :] / 200
    assert np.abs(voxels_of(preview) - expected.clip(0, 255)).mean() < 4


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
def test_hard_images_are_copied_without_a_warning(values):
    preview = image_preview([volume(values)], (0.0, 1.0), 5_000)
    assert voxels_of(preview).shape == preview.grid.shape == upright(volume(values)).shape
    nothing = label_preview([volume(np.zeros(values.shape, dtype=np.uint8))], [], 5_000)
    assert not voxels_of(nothing).any()


def test_a_share_of_nothing_still_ends():
    preview = image_preview([volume(noise((64, 64, 64)))], (0.0, 255.0), 1)
    assert np.prod(preview.grid.shape) <= 500


def test_thick_slices_stay_as_they_are():
    preview = image_preview([volume(noise((12, 200, 200)), (6.0, 1.0, 1.0))], (0.0, 255.0), 30_000)
    assert preview.grid.shape[0] == 12
    assert preview.grid.spacing[1] < 6


def test_a_copy_never_has_more_voxels_than_a_browser_takes():
    values = np.broadcast_to(np.uint8(1), (256, 256, 256))
    preview = label_preview([volume(values)], [1], 10**9)
    assert np.prod(preview.grid.shape) <= MOST_VOXELS * 1.05


def test_the_page_of_200_samples_is_below_20_megabytes(folder, tmp_path):
    report = many(folder, 200)
    write_report(report, tmp_path / "cohort.html")
    size = (tmp_path / "cohort.html").stat().st_size
    assert PAGE / 2 < size < PAGE
    finest = report.results[0].pictures
    assert max(finest.image.grid.spacing) < 3
    assert max(finest.labels.grid.spacing) < 3
