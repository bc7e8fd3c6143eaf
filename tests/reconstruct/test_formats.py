"""The geometry of a scan: our file and matrices against RTK's own, and where a patient's sides are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import GeometryError
from medscience.geometry import Geometry
from medscience.ingest.panel import read_panel
from medscience.ingest.rtk_geometry import read_geometry, write_geometry
from medscience.reconstruct.patient import TOWARDS, iec_grid, patient_grid, ras_from_iec
from medscience.reconstruct.project import project
from medscience.reconstruct.rtk import as_rtk, toolkit
from medscience.views import Views, angular_gap
from tests.ingest.panels import WRITERS


@st.composite
def scans(draw):
    """Draw the geometry of a scan with all that may wobble."""
    count = draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    offsets = rng.uniform(-200, 200, (4, count))
    angles = rng.uniform(-400, 400, (3, count))
    sid = rng.uniform(400, 1200, count)
    return Views(angles[0], sid, sid + rng.uniform(10, 900, count), *offsets, *angles[1:])


def same(ours, others):
    for name, column in ours.columns.items():
        assert_array_equal(column, others.columns[name], name)


@given(scans())
@settings(max_examples=30, deadline=None)
def test_a_geometry_file_says_what_was_written(tmp_path_factory, scan):
    path = tmp_path_factory.mktemp("geometry") / "geometry.xml"
    write_geometry(path, scan)
    same(scan, read_geometry(path))


def test_rtk_reads_what_we_write_and_we_read_what_it_writes(tmp_path):
    _, rtk = toolkit()
    rng = np.random.default_rng(5)
    scan = Views(
        rng.uniform(0, 360, 5), *np.array([[1000.0], [1536.0]]) * np.ones(5), *rng.uniform(-9, 9, (6, 5))
    )
    write_geometry(tmp_path / "ours.xml", scan)
    reader = rtk.ThreeDCircularProjectionGeometryXMLFileReader.New()
    reader.SetFilename(str(tmp_path / "ours.xml"))
    reader.GenerateOutputInformation()
    read = reader.GetOutputObject()
    itk, _ = toolkit()
    theirs = np.stack([itk.array_from_matrix(read.GetMatrix(n)) for n in range(5)])
    assert_allclose(scan.matrices(), theirs, rtol=0, atol=1e-6)
    writer = rtk.ThreeDCircularProjectionGeometryXMLFileWriter.New()
    writer.SetFilename(str(tmp_path / "theirs.xml"))
    kept = as_rtk(scan)  # the writer holds no reference of its own
    writer.SetObject(kept)
    writer.WriteFile()
    again = read_geometry(tmp_path / "theirs.xml")
    assert_allclose(again.matrices(), scan.matrices(), atol=1e-6)
    assert_allclose(np.mod(again.gantry_deg, 360), scan.gantry_deg, atol=1e-9)


@given(st.lists(st.floats(0, 360), min_size=1, max_size=9), st.floats(-720, 720))
def test_the_gap_between_views_does_not_depend_on_where_the_circle_begins(angles, start):
    turned = [angle + start for angle in angles]
    assert_allclose(angular_gap(turned), angular_gap(angles), atol=1e-6)


@pytest.mark.parametrize("position", TOWARDS)
def test_iec_and_patient_are_rotations_of_each_other(position):
    turn = ras_from_iec(position)
    assert_array_equal(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == 1


@pytest.mark.parametrize(
    ("position", "iec"),
    [("HFS", (1, 1, 1)), ("HFP", (-1, 1, -1)), ("FFS", (-1, -1, 1)), ("FFP", (1, -1, -1))],
)
def test_left_superior_anterior_is_where_iec_61217_has_it(position, iec):
    assert_array_equal(ras_from_iec(position) @ iec, (-1, 1, 1))


@pytest.mark.parametrize("position", TOWARDS)
@pytest.mark.parametrize("orientation", ["SAR", "ASL", "PIR", "LSA"])
def test_a_marker_keeps_its_place_whatever_the_order_of_axes(position, orientation, detector):
    """A marker at the left, superior, anterior side is projected where the matrices say."""
    grid = patient_grid(position, (20, 24, 28), (5.0, 5.0, 5.0))
    grid = grid.reoriented(grid.reorientation(orientation))
    marker = np.array([-25.0, 15.0, 30.0])
    volume = np.zeros(grid.shape, np.float32)
    nearest = tuple(np.rint(grid.index(marker)).astype(int))
    volume[nearest] = 1
    views = Views.circle([0, 40, 200], 1000, 1536, detector_u=12)
    seen = project(volume, grid, position, views, detector)
    at = np.append(ras_from_iec(position).T @ grid.world(nearest), 1)
    for matrix, picture in zip(views.matrices(), seen, strict=True):
        u, v, w = matrix @ at
        index = detector.index((u / w, v / w, 0))[1:]
        rows, columns = np.indices(picture.shape)
        found = [(picture * rows).sum() / picture.sum(), (picture * columns).sum() / picture.sum()]
        assert_allclose(found, index, atol=0.35)


def test_a_ball_of_water_has_the_line_integrals_of_its_chords(grid, detector, views):
    z, y, x = np.moveaxis(grid.world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    ball = (np.hypot(np.hypot(x, y), z) <= 60).astype(np.float32) * np.float32(0.02)
    seen = project(ball, grid, "HFS", views.take([0, 7, 30]), detector)
    middle = seen[:, 23:25, 31:33].mean(axis=(1, 2))
    assert_allclose(middle, 2 * 60 * 0.02, rtol=0.05)


def test_a_leaning_volume_is_refused(detector, views):
    leaning = np.eye(4)
    leaning[:3, :3] = [[0, 0.6, 0.8], [0, 0.8, -0.6], [1, 0, 0]]
    grid = Geometry((4, 4, 4), tuple(map(tuple, leaning.tolist())))
    with pytest.raises(GeometryError, match="PROJECT-OBLIQUE"):
        iec_grid(grid, "HFS")


@pytest.mark.parametrize(
    ("ending", "io"), [(".his", "HisImageIO"), (".hnd", "HndImageIO"), (".xim", "XimImageIO")]
)
def test_rtk_reads_the_same_from_scanners_files(tmp_path, ending, io):
    """Ours are parsers of our own; RTK's are the reference."""
    itk, rtk = toolkit()
    pixels = np.random.default_rng(7).integers(0, 65536, (16, 16)).astype(np.uint16)
    pixels[3:9] = 40000  # short differences too
    path = tmp_path / f"view_1{ending}"
    path.write_bytes(WRITERS[ending](pixels))
    reader = itk.ImageFileReader[itk.Image[itk.F, 2]].New(FileName=str(path))
    reader.SetImageIO(getattr(rtk, io).New())
    reader.Update()
    ours = read_panel(path)
    assert_array_equal(itk.array_from_image(reader.GetOutput()), ours.pixels.astype(np.float32))
    assert_array_equal(ours.pixels, pixels)
    assert_allclose(tuple(reader.GetOutput().GetSpacing()), ours.pitch[::-1])
