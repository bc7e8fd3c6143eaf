"""Ellipses in frames: what the mouse does to them is what is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection, as_table, from_table
from medscience.errors import MedscienceError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.review.corrections import faults_of
from medscience.review.ledger import NAME, Ledger
from medscience.review.queue import Reason, ranked, write_queue
from medscience.store.commit import read_commit
from medscience.store.tables import read_table, write_table
from napari_medscience.ellipses.corners import corners_of, ellipse_in
from napari_medscience.ellipses.drawn import Drawn
from napari_medscience.review.case import Reviewer
from napari_medscience.review.run import Run
from napari_medscience.review.session import Session

ONE = Antinode(Ellipse(30.0, 20.0, 12.0, 6.0, 30.0), 2.5, 0.9)
OTHER = Antinode(Ellipse(60.0, 40.0, 8.0, 5.0, 120.0), 1.0, 0.7)


@given(st.floats(-50, 500), st.floats(-50, 500), st.floats(1, 90), st.floats(0.2, 0.95), st.floats(0, 179))
def test_corners_lead_back_to_the_ellipse(x, y, a, part, angle):
    ellipse = Ellipse(x, y, a, a * part, angle)
    back = ellipse_in(corners_of(ellipse))
    assert_allclose((back.x, back.y, back.a, back.b), (x, y, a, a * part), atol=1e-6)
    assert abs((back.angle - angle + 90) % 180 - 90) < 1e-4


@given(st.floats(0, 179), st.floats(-0.8, 0.8), st.floats(0.5, 2))
def test_an_ellipse_that_was_pulled_is_the_one_that_is_seen(angle, shear, stretch):
    """Points of the outline lie on the ellipse after any linear map of its box."""
    pull = np.array([[stretch, shear], [0, 1]])
    corners = corners_of(Ellipse(0, 0, 20, 10, angle)) @ pull.T
    found = ellipse_in(corners)
    turns = np.linspace(0, 2 * np.pi, 50)
    middle, one, other = corners.mean(axis=0), (corners[1] - corners[0]) / 2, (corners[2] - corners[1]) / 2
    outline = middle + np.outer(np.cos(turns), one) + np.outer(np.sin(turns), other)
    along, across = found.along(outline[:, 0], outline[:, 1])
    assert_allclose(along**2 + across**2, 1, atol=1e-6)


@pytest.fixture
def run(tmp_path, write_store):
    """Return a run with a recording of 12 frames and what was found in it."""
    frames = np.random.default_rng(0).integers(0, 255, (12, 1, 60, 80)).astype(np.uint8)
    meaning = Meaning(Geometry.own((1, 60, 80)), "tzyx", time_step=0.001, space="pixels")
    image = write_store(tmp_path / "results" / "images" / "strike.ome.zarr", frames, meaning=meaning)
    found = [
        Detection(one, one.rings - 0.4, one.rings + 0.4, frame, frame * 0.001)
        for frame in range(12)
        for one in ([ONE, OTHER] if frame < 6 else [ONE])
    ]
    table = tmp_path / "results" / "detections" / "net" / "strike.parquet"
    write_table(table, as_table(found), {"image": read_commit(image).digest, "model": "b" * 64})
    return Run.at(tmp_path)


@pytest.fixture
def session(run, viewer):
    """Return a sitting of ada's at the recording."""
    made = Session(viewer, run, "net", Reviewer("ada"))
    made.go(0)
    viewer.dims.set_current_step(0, 3)
    yield made
    made.close()


def shown(session):
    return [ellipse_in(corners) for corners in session.work.screen.labels.data]


def test_a_frame_is_shown_with_its_ellipses_and_its_neighbours_beside(session, viewer):
    assert_allclose([(e.x, e.y, e.a) for e in shown(session)], [(30, 20, 12), (60, 40, 8)], atol=1e-4)
    image, before, after = (viewer.layers[name] for name in ("strike", "frame before", "frame after"))
    np.testing.assert_array_equal(np.asarray(before.data[3]), np.asarray(image.data[2]))
    np.testing.assert_array_equal(np.asarray(after.data[3]), np.asarray(image.data[4]))
    left, middle, right = (layer.extent.world[:, -1] for layer in (before, image, after))
    assert left[1] < middle[0] < middle[1] < right[0]
    viewer.dims.set_current_step(0, 5)
    assert len(viewer.layers["ellipses before"].data) == 2
    assert len(viewer.layers["ellipses after"].data) == 1
    session.view.next_time(7)
    assert viewer.dims.current_step[0] == 0
    assert session.view.time == "frame 0, 0.00 ms"
    assert not np.asarray(before.data[0]).any()


def test_a_place_of_the_queue_has_its_frame(run, viewer):
    table = run.folder / "results" / "review" / "net.tsv"
    reason = Reason("stray", 0.5, "an ellipse lies in no antinode", (60.0, 40.0, 0.0), 9)
    write_queue(ranked([("strike", [reason])]), table)
    session = Session(viewer, run, "net", Reviewer("ada"))
    session.go(0)
    assert viewer.dims.current_step[0] == 9
    assert_allclose(viewer.dims.point[-2:], (40, 60), atol=1)
    session.close()


def test_moving_turning_counting_drawing_and_deleting_are_steps_that_can_be_undone(session, viewer):
    layer, drawn = session.work.screen.labels, session.work.case.drawn
    layer.data = [layer.data[0] + (5, -3), layer.data[1]]
    assert drawn.at(3)[0].ellipse.x == pytest.approx(27)
    assert drawn.at(3)[1] == OTHER
    layer.selected_data = {1}
    session.work.count(0.5)
    assert drawn.at(3)[1].rings == 1.5
    layer.add_ellipses(corners_of(Ellipse(10, 10, 5, 4, 0)))
    assert drawn.at(3)[2].ellipse.a == pytest.approx(5)
    layer.selected_data = {0}
    layer.remove_selected()
    assert [round(one.ellipse.x) for one in drawn.at(3)] == [60, 10]
    assert drawn.steps == (4, 0)
    viewer.dims.set_current_step(0, 8)
    for _ in range(4):
        session.work.undo()
    assert viewer.dims.current_step[0] == 3
    assert drawn.at(3) == [ONE, OTHER]
    assert not session.has_edits
    session.work.redo()
    assert drawn.steps == (1, 3)
    assert shown(session)[0].x == pytest.approx(27, abs=1e-4)


def test_looking_changes_nothing(session, viewer):
    for step in range(12):
        viewer.dims.set_current_step(0, step)
    assert session.work.case.drawn.steps == (0, 0)


def test_the_correction_is_a_table_of_all_ellipses_that_the_ledger_names(session, run, viewer):
    session.work.screen.labels.selected_data = {0}
    session.work.count(1.0)
    entry = session.decide("accept-with-edits").result()
    path = run.corrections / entry.verdict.correction.path
    assert path.name == "1.parquet"
    table, inputs = read_table(path)
    found, before = from_table(table), from_table(read_table(run.detections("net", "strike"))[0])
    assert len(found) == len(before) == 18
    differ = [(a, b) for a, b in zip(found, before, strict=True) if a != b]
    assert len(differ) == 1
    assert differ[0][0].frame == 3
    assert differ[0][0].time_s == pytest.approx(0.003)
    assert (differ[0][0].low, differ[0][0].antinode.rings, differ[0][0].high) == (3.5, 3.5, 3.5)
    assert inputs["detections"] == entry.verdict.shown.labels
    assert not faults_of(run.corrections, entry.verdict.correction)
    session.go(0)
    viewer.dims.set_current_step(0, 3)
    assert session.work.case.drawn.at(3)[0].rings == 3.5
    session.decide("accept").result()
    with Ledger(run.corrections / NAME) as ledger:
        assert [e.verdict.decision for e in ledger.entries()] == ["accept-with-edits", "accept"]


def test_a_correction_of_ellipses_that_is_another_is_seen(session, run):
    session.work.screen.labels.selected_data = {0}
    session.work.count(1.0)
    correction = session.decide("accept-with-edits").result().verdict.correction
    table, inputs = read_table(run.corrections / correction.path)
    write_table(run.corrections / correction.path, table.slice(1), inputs)
    (fault,) = faults_of(run.corrections, correction)
    assert fault.code == "CORRECTION-OTHER"


def test_unfinished_ellipses_come_back(session, run, viewer):
    session.work.screen.labels.selected_data = {0}
    session.work.count(1.0)
    session.go(0)
    assert session.work.case.resumed == 1
    assert session.work.case.drawn.at(3)[0].rings == 3.5
    session.start_afresh()
    assert session.work.case.drawn.at(3) == [ONE, OTHER]


def test_ellipses_of_another_recording_are_refused(run, viewer, write_store):
    other = np.zeros((12, 1, 60, 80), np.uint8)
    table = run.detections("net", "strike")
    write_table(table, read_table(table)[0], {"image": "0" * 64, "model": "b" * 64})
    session = Session(viewer, run, "net", Reviewer("ada"))
    with pytest.raises(MedscienceError, match="REVIEW-IMAGE"):
        session.go(0)
    session.close()
    assert other.any() == 0


def test_a_draft_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "draft.json"
    path.write_text('{"3": [[1]]}')
    with pytest.raises(MedscienceError, match="DRAFT-DAMAGED"):
        Drawn([]).take_up(path)
