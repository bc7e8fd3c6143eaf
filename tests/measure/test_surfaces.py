import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from medscience.geometry import Geometry
from medscience.measure.surfaces import surface_distances
from medscience.testing.phantoms import obliques, orientations
from medscience.testing.strategies import geometries, reorientations, shapes, volumes

SPACING = (2.5, 0.8, 1.2)


def ball(radius, shape=(41, 41, 41)):
    away = np.indices(shape) - (np.array(shape) - 1)[:, None, None, None] / 2
    return np.square(away).sum(axis=0) <= radius**2


def test_concentric_balls_are_as_far_apart_as_their_radii_differ():
    found = surface_distances(ball(17), ball(12), Geometry.own((41, 41, 41)))
    assert found.assd_mm == pytest.approx(5, abs=0.5)
    assert found.rmsd_mm == pytest.approx(5, abs=0.5)
    assert found.msd_mm == pytest.approx(5, abs=1)
    assert found.assd_mm <= found.rmsd_mm <= found.msd_mm
    assert found.hd95_mm <= found.msd_mm


@pytest.mark.parametrize("geometry", [*orientations()[::11], *obliques(4)], ids=lambda grid: grid.orientation)
def test_a_moved_box_is_as_far_away_as_it_was_moved(geometry):
    box = np.zeros(geometry.shape, dtype=bool)
    box[1:5, 2:6, 1:6] = True
    moved = np.roll(box, 3, axis=2)
    found = surface_distances(box, moved, geometry)
    assert found.msd_mm == pytest.approx(3 * geometry.spacing[2])
    assert surface_distances(box, box, geometry).msd_mm == 0
    assert surface_distances(box, np.zeros_like(box), geometry) is None


@given(pair=shapes(6).flatmap(lambda shape: st.tuples(*[volumes(st.just(shape), "uint8", largest=1)] * 2)))
def test_another_library_finds_the_same(pair):
    """Distances by SimpleITK's map from each surface; surfaces by looking at each voxel's neighbours."""
    if not all(one.any() for one in pair):
        return
    rims = [
        one * (ndimage.minimum_filter(np.pad(one, 1), footprint=near())[1:-1, 1:-1, 1:-1] == 0)
        for one in pair
    ]
    ways = [away(rims[1])[rims[0] > 0], away(rims[0])[rims[1] > 0]]
    every = np.concatenate(ways)
    found = surface_distances(*(one > 0 for one in pair), Geometry.own(pair[0].shape, SPACING))
    assert found.assd_mm == pytest.approx(every.mean(), rel=1e-4, abs=1e-5)
    assert found.rmsd_mm == pytest.approx(np.sqrt((every**2).mean()), rel=1e-4, abs=1e-5)
    assert found.msd_mm == pytest.approx(every.max(), rel=1e-4, abs=1e-5)
    assert found.hd95_mm == pytest.approx(max(np.percentile(way, 95) for way in ways), rel=1e-4, abs=1e-5)


def near():
    """A voxel and those that share a face or an edge with it."""
    return np.abs(np.indices((3, 3, 3)) - 1).sum(axis=0) < 3


def away(rim):
    image = sitk.GetImageFromArray(rim)
    image.SetSpacing(SPACING[::-1])
    far = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return np.maximum(sitk.GetArrayFromImage(far), 0).astype(np.float64)


@given(pair=st.tuples(*[volumes((4, 5, 6), "uint8", largest=1)] * 2), change=reorientations(), data=st.data())
def test_no_flip_or_order_of_axes_changes_them(pair, change, data):
    first, second = (one > 0 for one in pair)
    geometry = data.draw(geometries(st.just(first.shape), shear=0.2))
    there = surface_distances(first, second, geometry)
    back = surface_distances(change.apply(first), change.apply(second), geometry.reoriented(change))
    assert (there is None) == (back is None)
    if there:
        assert back.assd_mm == pytest.approx(there.assd_mm)
        assert back.hd95_mm == pytest.approx(there.hd95_mm)
