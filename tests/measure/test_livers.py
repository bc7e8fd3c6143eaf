import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from medscience.errors import MismatchError
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.measure import lesions, livers
from medscience.measure.lesions import LESIONS
from medscience.measure.livers import LIVERS, measure_liver, tables
from medscience.testing.phantoms import landmark, obliques, orientations
from medscience.testing.strategies import INTEGERS, geometries, reorientations, shapes, volumes

VALUES = (1, 2)
OWNER = ("case-1", "net")


def image(array, geometry=None):
    return Image(array, Meaning(geometry or Geometry.own(array.shape)))


def measured(labels, values=None, reference=None, geometry=None):
    """The rows of the lesions, and that of the case."""
    scan = image(np.zeros(labels.shape) if values is None else values, geometry)
    theirs = None if reference is None else image(reference, geometry)
    found = tables(OWNER, *measure_liver(image(labels, geometry), scan, VALUES, theirs))
    assert [table.schema for table in found] == [LESIONS, LIVERS]
    return found[0].to_pylist(), found[1].to_pylist()[0]


@st.composite
def cases(draw, pairs=False):
    grid = draw(geometries(shapes(7), tilt=0.5))
    kinds = draw(st.sampled_from(INTEGERS))
    drawn = [draw(volumes(grid.shape, kinds, largest=2)) for _ in range(1 + pairs)]
    return grid, [np.abs(one) for one in drawn], draw(volumes(grid.shape, "int16"))


@given(case=cases(), slab=st.integers(1, 8))
def test_a_lesion_is_what_another_library_finds_whatever_the_slabs(case, slab):
    grid, (labels,), values = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesions, "SLAB", slab)
        patch.setattr(livers, "SLAB", slab)
        rows, liver = measured(labels, values, geometry=grid)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((labels == 2).astype(np.uint8)))
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.Execute(parts, sitk.GetImageFromArray(values))
    theirs = [
        (
            statistics.GetNumberOfPixels(n),
            pytest.approx(statistics.GetMean(n), abs=1e-3),
            *(pytest.approx(x, abs=1e-3) for x in grid.world(statistics.GetCentroid(n)[::-1])),
        )
        for n in statistics.GetLabels()
    ]
    ours = [(row["voxels"], row["mean_hu"], *(row[f"centroid_{a}_mm"] for a in "xyz")) for row in rows]
    assert len(ours) == len(theirs) == liver["lesions"]
    assert all(any(mine == other for other in theirs) for mine in ours)
    assert [row["lesion"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["voxels"] for row in rows] == sorted((row["voxels"] for row in rows), reverse=True)
    assert liver["liver_voxels"] == (labels > 0).sum()
    assert liver["tumour_mm3"] == pytest.approx(sum(row["volume_mm3"] for row in rows))


@given(case=cases(pairs=True), change=reorientations())
def test_no_flip_or_order_of_axes_changes_a_number_that_does_not_name_an_axis(case, change):
    grid, (labels, reference), values = case
    there = measured(labels, values, reference, grid)
    turned = [change.apply(one) for one in (labels, values, reference)]
    back = measured(*turned, grid.reoriented(change))
    assert back[1] == pytest.approx(there[1], nan_ok=True, abs=1e-9)
    named = {"slice", "slice_axis", "lesion"}
    rows = [
        sorted(
            tuple(round(v, 4) if isinstance(v, float) else v for k, v in row.items() if k not in named)
            for row in side
        )
        for side in (there[0], back[0])
    ]
    for mine, other in zip(*rows, strict=True):
        assert mine == pytest.approx(other, abs=1e-3) or mine == other


@pytest.mark.parametrize("geometry", [*orientations()[::9], *obliques(4)], ids=lambda grid: grid.orientation)
def test_a_lesion_lies_where_it_is_in_ras_and_in_dicoms_coordinates(geometry):
    mark = landmark(geometry)
    labels = np.where(mark.volume > 0, 2, 1)
    ((row,), liver) = measured(labels, mark.volume, geometry=geometry)
    x, y, z = mark.world
    assert [row[f"centroid_{a}_mm"] for a in "xyz"] == pytest.approx([x, y, z])
    assert [row[f"centroid_{a}_lps_mm"] for a in "xyz"] == pytest.approx([-x, -y, z])
    assert row["mean_hu"] == 1000
    assert row["touches_border"]
    assert liver["tumour_share"] == pytest.approx(27 / labels.size)
    axis = "zyx".index(row["slice_axis"])
    assert np.take(mark.volume, row["slice"], axis).any()


def test_the_slice_is_counted_in_the_image_wherever_the_liver_lies():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[8:15, 5:15, 5:15] = 1
    labels[11, 8:12, 7:13] = 2
    labels[12, 9, 9] = 2
    ((row,), _) = measured(labels)
    assert (row["slice_axis"], row["slice"]) == ("z", 11)
    assert row["longest_mm"] == pytest.approx(np.hypot(6, 3))
    assert not row["touches_border"]


def test_without_lesions_and_without_a_liver_the_case_says_so():
    liver = np.ones((3, 4, 5), np.uint8)
    rows, case = measured(liver)
    assert rows == []
    assert (case["lesions"], case["tumour_mm3"], case["tumour_share"]) == (0, 0.0, 0.0)
    rows, case = measured(np.zeros((3, 4, 5), np.uint8))
    assert (case["liver_mm3"], case["tumour_share"]) == (0.0, None)
    assert case["tumour_dice"] is None


def test_agreement_with_a_reference_counts_lesions_on_both_sides():
    reference = np.ones((1, 4, 12), np.uint8)
    reference[0, 1, 0:4] = 2  # found by half and more
    reference[0, 3, 0:4] = 2  # found by a quarter
    reference[0, 1, 6:9] = 2  # missed
    found = np.ones_like(reference)
    found[0, 1, 0:3] = 2
    found[0, 3, 3] = 2
    found[0, 3, 9:12] = 2  # false
    rows, case = measured(found, reference=reference)
    best = {
        side: sorted(row["best_iou"] for row in rows if row["side"] == side)
        for side in ("found", "reference")
    }
    assert best == {"found": [0, 0.25, 0.75], "reference": [0, 0.25, 0.75]}
    assert (case["lesions"], case["reference_lesions"]) == (3, 3)
    assert (case["found_matched"], case["reference_matched"]) == (2, 2)
    assert (case["found_matched_half"], case["reference_matched_half"]) == (1, 1)
    assert (case["lits_detected"], case["lits_missed"], case["lits_false_positives"]) == (1, 2, 2)
    assert case["tumour_dice"] == pytest.approx(2 * 4 / (7 + 11)) == case["lits_tumour_dice"]
    assert (case["liver_dice"], case["liver_assd_mm"], case["lits_liver_voe"]) == (1.0, 0.0, 0.0)
    assert case["lits_tumour_burden_difference"] == pytest.approx((11 - 7) / 48)


def test_a_case_without_lesions_has_no_dice_but_lits_gives_it_none():
    liver = np.ones((2, 3, 4), np.uint8)
    _, case = measured(liver, reference=liver)
    assert (case["tumour_dice"], case["lits_tumour_dice"], case["tumour_assd_mm"]) == (None, 0.0, None)
    found = liver.copy()
    found[0, 0, 0] = 2
    rows, case = measured(found, reference=liver)
    assert (case["tumour_dice"], case["lesions"], case["found_matched"]) == (None, 1, 0)
    assert rows[0]["best_iou"] == 0


@given(case=cases(pairs=True))
def test_the_two_ways_round_and_with_itself(case):
    grid, (labels, reference), values = case
    _, there = measured(labels, values, reference, grid)
    _, back = measured(reference, values, labels, grid)
    assert there["shared_tumour_voxels"] == back["shared_tumour_voxels"]
    assert there["tumour_assd_mm"] == pytest.approx(back["tumour_assd_mm"])
    assert there["found_matched_half"] == back["reference_matched_half"]
    _, same = measured(labels, values, labels, grid)
    assert same["tumour_dice"] == (1.0 if (labels == 2).any() else None)
    assert same["found_matched_half"] == same["lesions"] == same["lits_detected"]


def test_other_grids_and_other_numbers_are_refused():
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(MismatchError, match="LESIONS-GRID"):
        measure_liver(image(labels), image(labels[:2]), VALUES)
    with pytest.raises(MismatchError, match="REFERENCE-GRID"):
        measure_liver(image(labels), image(labels), VALUES, image(labels[:2]))
    strange = labels.copy()
    strange[0, 0, 0] = 3
    with pytest.raises(MismatchError, match=r"REFERENCE-LABELS.*found 3, expected 0, liver 1 and tumour 2"):
        measure_liver(image(labels), image(labels), VALUES, image(strange))


def test_a_lesion_of_the_label_is_what_touches_by_faces():
    labels = np.zeros((1, 3, 3), np.uint8)
    labels[0, 0, 0] = labels[0, 1, 1] = 2
    rows, _ = measured(labels)
    assert len(rows) == ndimage.label(labels == 2)[1] == 2
