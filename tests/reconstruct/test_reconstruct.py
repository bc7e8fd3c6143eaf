"""Images of projections: water is 0 HU, markers are where they were, and breaths are found."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from typer import BadParameter

from medscience.errors import MismatchError
from medscience.reconstruct.breath import bins_of, phases_of
from medscience.reconstruct.fdk import Scanned, fdk
from medscience.reconstruct.hounsfield import attenuation_of, hounsfield_of
from medscience.reconstruct.mckinnon import mckinnon_bates
from medscience.reconstruct.offset import check_offset
from medscience.reconstruct.patient import TOWARDS, iec_grid, patient_grid
from medscience.reconstruct.project import detector_grid, project
from medscience.reconstruct.rooster import Rooster, rooster
from medscience.reconstruct.shroud import motion_of, shroud
from medscience.reconstruct.weights import Arc, half_fan, ray_angles, reach, shares, short_scan
from medscience.steps.ingest import ingest
from medscience.steps.reconstruct import reconstruct
from medscience.store.images import open_image
from medscience.views import Views
from tests.ingest.scans import table, write_scan

WATER = 0.02
FULL = Views.circle(np.arange(0, 360, 6.0), 1000, 1536)
WIDE, NARROW = detector_grid((36, 56), (8.0, 8.0)), detector_grid((36, 36), (8.0, 8.0))
SHIFT = 70.0


def world(grid):
    """RAS+ millimetres of every voxel, x, y, z apart."""
    return np.moveaxis(grid.world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)


def phantom(grid):
    """A cylinder of water with a lung and a bone, in HU."""
    x, y, z = world(grid)
    body = np.where(((x / 70) ** 2 + (y / 60) ** 2 < 1) & (abs(z) < 75), 0.0, -1000.0)
    body[(x - 25) ** 2 + y**2 + z**2 < 22**2] = -700
    body[(x + 25) ** 2 + (y - 10) ** 2 + (z - 10) ** 2 < 18**2] = 300
    return body.astype(np.float32)


@pytest.fixture(scope="session")
def grid():
    return patient_grid("HFS", (32, 32, 32), (6.0, 6.0, 6.0))


def scanned(volume, grid, views, detector, position="HFS"):
    stack = project(attenuation_of(volume, WATER), grid, position, views, detector)
    return Scanned(views, detector, lambda numbers: stack[numbers])


def image(scan, chosen, grid, position="HFS"):
    iec, change = iec_grid(grid, position)
    return change.inverse.apply(hounsfield_of(fdk(scan, chosen, iec), WATER))


def short(start, length):
    return Views.circle(start + np.arange(0, length, 4.0), 1000, 1536)


@pytest.mark.parametrize(
    ("views", "detector"),
    [
        (FULL, WIDE),
        (Views.circle(-FULL.gantry_deg, 1000, 1536), WIDE),
        (Views.circle(FULL.gantry_deg, 1000, 1536, detector_u=SHIFT), NARROW),
        (Views.circle(FULL.gantry_deg, 1000, 1536, detector_u=-SHIFT), NARROW),
        (short(130.0, 220), WIDE),
    ],
    ids=["full", "anticlockwise", "half-fan", "other half-fan", "short"],
)
def test_what_was_projected_has_its_hounsfield_units(grid, views, detector):
    truth = phantom(grid)
    scan = scanned(truth, grid, views, detector)
    scan.check()
    found = image(scan, np.arange(len(views)), grid)
    x, y, z = world(grid)
    near = abs(z) < 40
    water = near & (x > 10) & (y < -30) & ((x / 60) ** 2 + (y / 50) ** 2 < 1)
    lung = (x - 25) ** 2 + y**2 + z**2 < 12**2
    bone = (x + 25) ** 2 + (y - 10) ** 2 + (z - 10) ** 2 < 9**2
    assert abs(found[water].mean()) < 10
    assert abs(found[lung].mean() + 700) < 20
    assert abs(found[bone].mean() - 300) < 25


def test_the_order_of_views_and_how_many_at_once_do_not_matter(grid, monkeypatch):
    views = short(10.0, 220)
    scan = scanned(phantom(grid), grid, views, WIDE)
    plain = image(scan, np.arange(len(views)), grid)
    mixed = image(scan, np.random.default_rng(1).permutation(len(views)), grid)
    monkeypatch.setattr("medscience.reconstruct.fdk.BATCH", 7)
    assert_allclose(image(scan, np.arange(len(views)), grid), plain, atol=1.0)
    assert_allclose(mixed, plain, atol=1.0)


def test_every_line_counts_twice_in_a_full_turn_and_in_a_short_scan():
    """A line's two rays, from both sides, have weights that sum to two."""
    views = Views.circle(np.arange(0, 360, 1.0), 1000, 1536, detector_u=SHIFT)
    fan = ray_angles(views, NARROW)
    sides = reach(views, NARROW)
    angles = np.linspace(-min(sides), min(sides), 21)
    assert_allclose(half_fan(angles, *sides) + half_fan(-angles, *sides), 2)
    assert half_fan(fan, *sides).max() == 2
    arc, delta = Arc(20.0, 220.0), np.radians(20)
    for beta, alpha in [(5.0, 0.1), (12.0, -0.2), (30.0, 0.02), (0.5, 0.3)]:
        opposite = beta + 180 + 2 * np.degrees(alpha)
        if abs(alpha) < delta and opposite <= arc.length:
            pair = [
                short_scan(np.array([[-alpha]]), np.array([arc.start + beta]), arc),
                short_scan(np.array([[alpha]]), np.array([arc.start + opposite]), arc),
            ]
            assert_allclose(sum(pair), 2, atol=1e-9)


def test_shares_of_views_make_up_the_arc():
    rng = np.random.default_rng(3)
    for arc in (Arc(0.0, 360.0), Arc(300.0, 215.0)):
        angles = np.mod(arc.start + rng.uniform(0, arc.length, 40), 360)
        assert_allclose(shares(angles, arc).sum(), arc.length)


def test_too_little_of_an_arc_is_refused(grid):
    for views, detector in ((short(0, 150), WIDE), (short(0, 190), WIDE)):
        with pytest.raises(MismatchError, match="RECONSTRUCT-ARC"):
            Scanned(views, detector, lambda n: n).check()
    shifted = Views.circle(np.arange(0, 220, 4.0), 1000, 1536, detector_u=SHIFT)
    with pytest.raises(MismatchError, match="a full turn"):
        Scanned(shifted, NARROW, lambda n: n).check()


@pytest.mark.parametrize("position", TOWARDS)
def test_a_marker_comes_back_where_it_was_in_the_patient(tmp_path, position):
    """Left, superior, anterior, through ingest and reconstruct, however the patient lies."""
    grid = patient_grid(position, (24, 24, 24), (8.0, 8.0, 8.0))
    marker = np.array([-40.0, 28.0, 36.0])
    x, y, z = world(grid)
    volume = np.full(grid.shape, -1000.0, np.float32)
    volume[(x**2 + y**2 < 80**2)] = 0
    volume[(x - marker[0]) ** 2 + (y - marker[1]) ** 2 + (z - marker[2]) ** 2 < 15**2] = 2000
    stack = project(attenuation_of(volume, WATER), grid, position, FULL, WIDE)
    where = marker_of(grid, volume)
    path, acquisition = write_scan(
        tmp_path,
        stack,
        FULL,
        table(phase=np.mod(np.arange(60) / 7, 1)),
        values="line-integrals",
        i0=None,
        patient_position=position,
        voxel_mm=8,
        voxels=[24, 24, 24],
    )
    write_pitch(path, WIDE)
    ingest(path, tmp_path / "p.ome.zarr", acquisition=acquisition)
    reconstruct(tmp_path / "p.ome.zarr", tmp_path / "i.ome.zarr", tmp_path / "prior.ome.zarr", phases=2)
    prior = open_image(tmp_path / "prior.ome.zarr").image
    assert prior.meaning.value_unit == "HU"
    found = marker_of(prior.geometry, prior.read((slice(None),) * 3))
    assert_allclose(found, where, atol=1.5)
    assert np.abs(where - marker).max() < 4


def marker_of(grid, volume):
    """The middle of what is brightest."""
    bright = np.clip(volume - 700, 0, None)
    return (world(grid) * bright).sum(axis=(1, 2, 3)) / bright.sum()


def write_pitch(path, detector):
    import SimpleITK as sitk

    stack = sitk.ReadImage(path)
    _, v, u = detector.spacing
    stack.SetSpacing((u, v, 1.0))
    stack.SetOrigin((*detector.origin[:2], 0.0))
    sitk.WriteImage(stack, path)


BREATHS = np.array([-1.2, 2.1, 6.3, 9.8, 14.2, 17.9, 21.4, 26.0, 29.5, 33.0])
"""Seconds of the ends of inhalations."""


def breathing(times):
    """Phase, and millimetres towards the feet, of breaths that differ."""
    phase = np.mod(np.interp(times, BREATHS, np.arange(len(BREATHS))), 1)
    deep = np.interp(times, BREATHS, [14, 17, 13, 18, 15, 14, 18, 16, 13, 15])
    return phase, deep * np.cos(np.pi * phase) ** 4


@pytest.fixture(scope="session")
def breath():
    """A chest that breathes, seen by a half-fan of 160 views with the noise of counting."""
    times = np.arange(160) / 5.0
    phase, moved = breathing(times)
    views = Views.circle(np.arange(160) * 2.25, 1000, 1536, detector_u=SHIFT)
    grid = patient_grid("HFS", (32, 32, 32), (6.0, 6.0, 6.0))
    x, y, z = world(grid)
    body = np.where((x / 85) ** 2 + (y / 70) ** 2 < 1, 0.0, -1000.0)
    lungs = ((abs(x) - 40) / 30) ** 2 + (y / 50) ** 2 < 1
    dome = -20 + 15 * np.exp(-(x**2 + y**2) / 50**2)

    def chest(down):
        above = np.clip((z - dome + down) / 6 + 0.5, 0, 1)
        return (body - 800 * lungs * above * (z < 80)).astype(np.float32)

    stack = np.concatenate(
        [
            project(attenuation_of(chest(down), WATER), grid, "HFS", views.take([n]), NARROW)
            for n, down in enumerate(moved)
        ]
    )
    counts = np.random.default_rng(0).poisson(30000 * np.exp(-stack)).clip(1, 65535).astype(np.uint16)
    return {"counts": counts, "views": views, "times": times, "phase": phase, "moved": moved, "chest": chest}


def apart(one, other):
    """How far phases are from each other, round the circle."""
    distance = np.abs(np.mod(one - other, 1))
    return np.minimum(distance, 1 - distance)


def test_the_breath_is_found_in_the_projections_alone(breath):
    stack = np.log(30000 / breath["counts"].astype(np.float32))
    down = -motion_of(shroud(stack), breath["views"], NARROW, breath["times"])
    assert np.corrcoef(down, breath["moved"])[0, 1] > 0.9
    error = apart(phases_of(down, breath["times"]), breath["phase"])
    assert np.median(error) < 0.03
    assert np.percentile(error, 95) < 0.1


def test_phases_do_not_depend_on_scale_offset_or_drift(breath):
    times, moved = breath["times"], breath["moved"]
    plain = phases_of(moved, times)
    assert apart(phases_of(7 * moved + 100, times), plain).max() < 1e-9
    assert apart(phases_of(moved + 0.05 * times, times), plain).max() < 0.02
    assert apart(plain, breath["phase"]).max() < 0.12


@pytest.mark.parametrize(
    "signal", [np.zeros(160), np.random.default_rng(2).normal(size=160), np.arange(160.0)]
)
def test_what_does_not_breathe_is_refused(signal):
    with pytest.raises(MismatchError, match="BREATHING-FLAT"):
        phases_of(signal, np.arange(160) / 5)


def test_bins_hold_each_view_once_about_their_own_phase():
    phases = np.random.default_rng(0).random(300)
    phases[:7] = np.nan
    bins = bins_of(phases, 6, Views.circle(np.arange(300) * 1.2, 1000, 1536), 8)
    assert sorted(np.concatenate([b.views for b in bins])) == list(range(7, 300))
    for number, b in enumerate(bins):
        assert apart(phases[b.views], number / 6).max() <= 1 / 12 + 1e-9


def test_a_clock_that_is_off_and_a_signal_that_is_upside_down_are_told(breath):
    times, moved = breath["times"], breath["moved"]
    assert check_offset(breath["phase"], moved, times) == []
    (note,) = check_offset(breathing(times + 0.9)[0], moved, times)
    assert "BREATHING-OFFSET" in note
    assert any("POLARITY" in note for note in check_offset(np.mod(breath["phase"] + 0.5, 1), moved, times))


def test_a_scan_becomes_phases_that_move_as_the_body_did(tmp_path, breath):
    """From counts alone to a 4D image: the diaphragm is where it was; a rerun adds nothing."""
    path, acquisition = write_scan(
        tmp_path / "scan",
        breath["counts"],
        breath["views"],
        i0=30000,
        fan="half",
        views_per_second=5,
        voxel_mm=6,
        voxels=[32, 32, 32],
    )
    write_pitch(path, NARROW)
    ingest(path, tmp_path / "p.ome.zarr", acquisition=acquisition)
    images = [tmp_path / f"{name}.ome.zarr" for name in ("p", "image", "prior")]
    reconstruct(*images, phases=4)
    phases = open_image(images[1])
    assert phases.image.shape == (4, 32, 32, 32)
    assert phases.image.meaning.axes == "tzyx"
    record = phases.commit.record
    assert record["breathing"] == "the projections"
    assert sum(record["views"]) == 160
    prior = open_image(images[2]).image
    assert phases.image.geometry.close_to(prior.geometry)
    x, y, z = world(prior.geometry)
    under = (abs(abs(x) - 40) < 12) & (abs(y) < 25)
    edges = [
        under_dome(phases.image.read((slice(t, t + 1),) + (slice(None),) * 3)[0], under, z) for t in range(4)
    ]
    wanted = [under_dome(breath["chest"](d), under, z) for d in (13, 3.5, 0, 3.5)]
    assert (np.argmax(edges), np.argmin(edges)) == (0, 2)
    assert np.ptp(edges) > 0.6 * np.ptp(wanted)
    before = json.loads((images[1].parent / "image.ome.zarr.commit.json").read_text())
    reconstruct(*images, phases=4)
    assert json.loads((images[1].parent / "image.ome.zarr.commit.json").read_text()) == before


def under_dome(volume, column, z):
    """How low the dome is: the less liver a column has, the more this is."""
    levels = [level for level in np.unique(z) if abs(level) < 60]
    return -sum(max(volume[(z == level) & column].mean() + 400, 0) for level in levels)


def test_classical_methods_have_fewer_streaks_than_fdk(breath):
    views, stack = breath["views"], np.log(30000 / breath["counts"].astype(np.float32))
    scan = Scanned(views, NARROW, lambda numbers: stack[numbers])
    grid = patient_grid("HFS", (32, 32, 32), (6.0, 6.0, 6.0))
    iec, change = iec_grid(grid, "HFS")
    prior = fdk(scan, np.arange(160), iec)
    bins = bins_of(breath["phase"], 4, views, 8)
    x, y, z = world(grid)
    inside = ((x / 75) ** 2 + (y / 60) ** 2 < 1) & (abs(z) < 50)
    truth = np.mean([breath["chest"](breath["moved"][n]) for n in bins[0].views], axis=0)

    def error(attenuation):
        seen = change.inverse.apply(hounsfield_of(attenuation, WATER))
        return np.sqrt(((seen - truth)[inside] ** 2).mean())

    plain = error(fdk(scan, bins[0].views, iec))
    assert error(mckinnon_bates(scan, bins[0].views, iec, prior)) < 0.8 * plain
    begun = np.stack([prior] * 4)
    settings = Rooster(space=2e-4, time=5e-4, rounds=2, steps=2, smoothing=4)
    assert error(rooster(scan, breath["phase"], iec, begun, settings)[0]) < 0.8 * plain


def coarse(folder, breath):
    """Ingest the breathing body, to be seen in few voxels."""
    path, acquisition = write_scan(
        folder / "scan",
        breath["counts"],
        breath["views"],
        table(phase=breath["phase"]),
        i0=30000,
        fan="half",
        voxel_mm=12,
        voxels=[16, 16, 16],
    )
    write_pitch(path, NARROW)
    ingest(path, folder / "p.ome.zarr", acquisition=acquisition)


def test_a_reconstruction_that_was_interrupted_makes_only_what_is_missing(tmp_path, breath, monkeypatch):
    """And ends with the very commit of one that was not."""
    coarse(tmp_path, breath)

    def run(name, most):
        made = []

        def counted(scan, chosen, grid):
            if len(made) == most:
                raise OSError("the power is gone")
            made.append(len(chosen))
            return fdk(scan, chosen, grid)

        monkeypatch.setattr("medscience.reconstruct.job.fdk", counted)
        try:
            stores = (tmp_path / name / f"{part}.ome.zarr" for part in ("image", "prior"))
            reconstruct(tmp_path / "p.ome.zarr", *stores, phases=4)
        except OSError:
            pass
        return made

    assert len(run("whole", 9)) == 5
    assert len(run("broken", 3)) == 3
    assert len(run("broken", 9)) == 2
    digests = [open_image(tmp_path / name / "image.ome.zarr").commit.digest for name in ("whole", "broken")]
    assert digests[0] == digests[1]


def test_phases_are_reconstructed_again_each_from_what_was_restored_of_it(tmp_path, breath, monkeypatch):
    coarse(tmp_path, breath)
    projections, first, prior, second = (
        tmp_path / f"{name}.ome.zarr" for name in ("p", "first", "prior", "second")
    )
    reconstruct(projections, first, prior, method="mckinnon-bates", phases=4)
    reconstruct(projections, second, prior, method="mckinnon-bates", phases=4, again=first)
    one, other = open_image(first), open_image(second)
    assert other.commit.provenance.inputs["restored"] == one.commit.digest
    assert other.reconstruction == "mckinnon-bates"
    assert other.image.shape == one.image.shape
    assert other.commit.digest != one.commit.digest
    with pytest.raises(MismatchError, match="RECONSTRUCT-AGAIN"):
        reconstruct(projections, tmp_path / "x.ome.zarr", prior, method="mckinnon-bates", again=prior)
    with pytest.raises(BadParameter, match="--again"):
        reconstruct(projections, tmp_path / "x.ome.zarr", prior, again=first)
    with pytest.raises(BadParameter, match="--again"):
        reconstruct(projections, tmp_path / "x.ome.zarr", prior, method="fit")
    # where projections say nothing new, each phase stays what it was: in its place, its axes and its unit
    monkeypatch.setattr(
        "medscience.reconstruct.job.mckinnon_bates", lambda _scan, _views, _grid, before: before
    )
    monkeypatch.setattr(
        "medscience.reconstruct.job.fit", lambda _scan, _phases, _grid, begun, _settings: begun
    )
    everything = (slice(None),) * 4
    phases = one.image.read(everything)
    assert np.ptp(phases, axis=0).max() > 100
    for method in ("mckinnon-bates", "fit"):
        same = tmp_path / f"same-{method}.ome.zarr"
        reconstruct(projections, same, prior, method=method, phases=4, again=first)
        assert_allclose(open_image(same).image.read(everything), phases, atol=0.01)
