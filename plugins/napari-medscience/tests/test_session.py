"""A sitting without a window: what is seen, changed, saved and said."""

import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import MedscienceError
from medscience.geometry import Geometry
from medscience.review.drafts import find_drafts
from medscience.review.ledger import NAME, Ledger
from medscience.review.queue import Reason, ranked, write_queue
from medscience.store.commit import read_commit
from medscience.store.images import open_image
from medscience.testing.phantoms import obliques, orientations
from napari_medscience.review.case import Reviewer
from napari_medscience.review.run import Run
from napari_medscience.review.session import Session

SHAPE = (20, 22, 24)


def sample(seed=0, shape=SHAPE):
    """An image, and labels with a cube of grey matter."""
    image = np.random.default_rng(seed).integers(-100, 200, shape).astype(np.int16)
    labels = np.zeros(shape, np.uint8)
    labels[..., 5:10, 5:10, 5:10] = 3
    return image, labels


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_run):
    """A run with three samples; the second is the worst."""
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, {name: sample(n) for n, name in enumerate(("s01", "s02", "s03"))})
    place = (5.0, 12.0, 21.0)
    reasons = [
        Reason("confidence", 0.5, "unsure here", place),
        Reason("seam", 0.1, "a seam", (1.0, 2.0, 3.0)),
    ]
    table = folder / "results" / "review" / "net.tsv"
    table.parent.mkdir(parents=True)
    write_queue(ranked([("s01", []), ("s02", reasons)]), table)
    return folder


@pytest.fixture
def run(tmp_path, finished):
    """Return a copy of the run, in which nobody has looked yet."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return Run.at(tmp_path)


@pytest.fixture
def session(run, viewer):
    """Return a sitting of ada's, at the worst case."""
    made = Session(viewer, run, "net", Reviewer("ada"))
    made.go(0)
    yield made
    made.close()


def said(run):
    """All verdicts, in order."""
    with Ledger(run.corrections / NAME) as ledger:
        return [entry.verdict for entry in ledger.entries()]


def test_the_worst_case_comes_first_and_opens_at_its_worst_place(session, viewer):
    assert [case.sample for case in session.queue] == ["s02", "s01", "s03"]
    assert session.work.case.sample == "s02"
    assert_allclose(viewer.dims.point, (21, 12, 5))
    assert session.view.world == (5.0, 12.0, 21.0)
    session.view.next_place()
    assert_allclose(viewer.dims.point, (3, 2, 1))
    session.view.next_place()
    assert_allclose(viewer.dims.point, (21, 12, 5))


def test_how_sure_the_network_was_is_there_to_be_shown(session):
    layer = session.work.screen.confidence
    assert not layer.visible
    session.view.confidence()
    assert layer.visible
    assert (np.asarray(layer.data) == 200).all()
    assert_allclose(layer.extent.world, session.work.screen.image.extent.world)


def test_going_round_the_queue(session, viewer):
    session.next()
    assert session.work.case.sample == "s01"
    session.previous()
    session.previous()
    assert session.work.case.sample == "s03"
    assert len(viewer.layers) == 3  # no place to look at: no crosshair
    session.next()
    assert session.work.case.sample == "s02"
    assert [layer.name for layer in viewer.layers] == ["s02", "s02 · confidence", "s02 · labels", "crosshair"]
    assert viewer.layers.selection.active.name == "s02 · labels"


def test_what_was_corrected_is_committed_and_signed(session, run):
    before = read_commit(run.labels("net", "s02")).digest
    session.clock.seconds = 12.0
    layer = session.work.screen.labels
    layer.brush_size = 1
    layer.selected_label = 41
    layer.paint((2, 3, 4), 41)
    entry = session.decide("accept-with-edits", "a tip was missing").result()
    assert session.work is None
    stored = open_image(run.corrections / entry.verdict.correction.path)
    expected = sample(1)[1]
    expected[2, 3, 4] = 41
    assert_array_equal(stored.image.read((slice(None),) * 3), expected)
    assert stored.commit.digest == entry.verdict.correction.digest
    assert read_commit(run.labels("net", "s02")).digest == before
    assert entry.verdict.reviewer == "ada"
    assert entry.verdict.shown.labels == before
    assert entry.verdict.shown.image == read_commit(run.image("s02")).digest
    assert entry.verdict.shown.model == "a" * 64
    assert 12 <= entry.verdict.seconds < 60
    assert said(run) == [entry.verdict]
    assert not find_drafts(run.corrections)


def test_a_correction_is_what_the_next_sitting_begins_with(session, run, viewer):
    session.work.screen.labels.paint((2, 3, 4), 41)
    session.decide("accept-with-edits").result()
    session.go(0)
    assert session.work.screen.labels.data[2, 3, 4] == 41
    assert "correction 1" in session.work.case.notice
    assert not session.has_edits
    session.decide("accept").result()
    assert [verdict.decision for verdict in said(run)] == ["accept-with-edits", "accept"]


def test_a_second_reader_sees_nobody_else_s_work(session, run, viewer):
    session.work.screen.labels.paint((2, 3, 4), 41)
    session.decide("accept-with-edits").result()
    second = Session(viewer, run, "net", Reviewer("bob", blind=True))
    second.go(0)
    assert second.work.screen.labels.data[2, 3, 4] == 0
    assert second.work.case.notice == ""
    assert second.standing() is None
    assert second.decide("accept").result().verdict.blind
    second.close()


def test_two_people_who_disagree_are_told(session, run, viewer):
    session.decide("accept").result()
    other = Session(viewer, run, "net", Reviewer("bob"))
    other.go(0)
    assert [entry.verdict.reviewer for entry in other.standing().entries] == ["ada"]
    assert not other.standing().conflict
    other.decide("reject", "motion").result()
    other.go(0)
    assert [entry.verdict.reviewer for entry in other.standing().conflict] == ["ada", "bob"]
    other.close()


def test_edits_are_saved_every_few_seconds_and_offered_back_after_a_crash(run, viewer, monkeypatch):
    monkeypatch.setattr("napari_medscience.review.autosave.EVERY", 0.05)
    first = Session(viewer, run, "net", Reviewer("ada"))
    first.go(0)
    first.work.screen.labels.paint((2, 3, 4), 41)
    first.work.save()
    first.work.case.draft.close()  # the lease of a process that died is given to the next
    assert [draft.sample for draft in find_drafts(run.corrections)] == ["s02"]
    again = Session(viewer, run, "net", Reviewer("ada"))
    again.go(0)
    assert again.work.case.resumed == 1
    assert again.has_edits
    assert again.work.screen.labels.data[2, 3, 4] == 41
    again.start_afresh()
    assert again.work.screen.labels.data[2, 3, 4] == 0
    assert not again.has_edits
    again.close()
    assert not find_drafts(run.corrections)


def test_edits_wait_until_the_person_comes_back(session, run):
    session.work.screen.labels.paint((2, 3, 4), 41)
    session.next()
    session.previous()
    assert session.work.case.resumed
    assert session.work.screen.labels.data[2, 3, 4] == 41
    session.decide("defer", "ask a senior").result()
    session.go(0)
    assert session.work.screen.labels.data[2, 3, 4] == 41


@pytest.mark.parametrize(
    "decision, paint, code",
    [
        ("accept", True, "REVIEW-DECISION"),
        ("accept-with-edits", False, "REVIEW-DECISION"),
        ("reject", False, "VERDICT-FORM"),
    ],
)
def test_a_verdict_that_does_not_fit_is_refused_and_nothing_is_lost(session, run, decision, paint, code):
    if paint:
        session.work.screen.labels.paint((2, 3, 4), 41)
    with pytest.raises(MedscienceError, match=code):
        session.decide(decision)
    assert session.work.case.sample == "s02"
    assert not said(run)


def test_a_label_that_stands_for_nothing_cannot_be_chosen(session):
    told = []
    session.told.connect(told.append)
    session.work.screen.labels.selected_label = 41
    session.work.screen.labels.selected_label = 42
    assert session.work.screen.labels.selected_label == 41
    assert told == ["42 stands for no label of the model"]


def test_what_nobody_looked_at_can_be_painted_and_is_no_label(session, run):
    layer = session.work.screen.labels
    layer.brush_size, layer.selected_label = 1, 255
    layer.paint((2, 3, 4), 255)
    entry = session.decide("accept-with-edits").result()
    corrected = open_image(run.corrections / entry.verdict.correction.path)
    assert corrected.image.read((slice(None),) * 3)[2, 3, 4] == 255
    assert 255 not in {label.value for label in corrected.content.labels.labels}


def test_tools_work_at_the_cursor_and_are_undone_as_one(session, viewer):
    told = []
    session.told.connect(told.append)
    editor, layer = session.work.editor, session.work.screen.labels
    before = np.asarray(layer.data)
    layer.selected_label = 41
    viewer.cursor.position = layer.data_to_world((7, 7, 7))
    editor.merge()
    assert (np.asarray(layer.data)[before == 3] == 41).all()
    editor.remove()
    assert not np.asarray(layer.data).any()
    layer.undo()
    layer.undo()
    assert_array_equal(np.asarray(layer.data), before)
    viewer.cursor.position = layer.data_to_world((99, 7, 7))
    editor.merge()
    assert "outside of the image" in told[-1]
    layer.brush_size = 3
    viewer.dims.set_point(0, 3 * 12)
    layer.paint((12, 15, 15), 41)
    viewer.dims.set_point(0, 3 * 16)
    layer.paint((16, 15, 15), 41)
    editor.interpolate()
    assert told[-1] == "3 slices filled"
    assert (np.asarray(layer.data)[12:17, 15, 15] == 41).all()


@pytest.mark.parametrize(
    "grid", [*orientations(SHAPE)[5::12], *obliques(2, shape=SHAPE)], ids=lambda grid: grid.orientation
)
def test_a_place_of_the_patient_is_the_voxel_on_the_screen(tmp_path, make_run, viewer, grid):
    """Also where the grid is tilted: what is painted at the crosshair is stored at that place."""
    make_run(tmp_path, {"s01": sample()}, affine=grid.affine)
    session = Session(viewer, Run.at(tmp_path), "net", Reviewer("ada"))
    session.go(0)
    world = tuple(grid.world((4, 12, 17)).tolist())
    session.view.go(world)
    layer = session.work.screen.labels
    assert_allclose(session.work.case.world(session.work.case.where(world)), world, atol=1e-3)
    layer.brush_size = 1
    layer.paint(layer.world_to_data(viewer.dims.point), 41)
    entry = session.decide("accept-with-edits").result()
    stored = open_image(tmp_path / "corrections" / entry.verdict.correction.path)
    assert stored.image.geometry == Geometry(SHAPE, grid.affine)
    assert np.argwhere(stored.image.read((slice(None),) * 3) == 41).tolist() == [[4, 12, 17]]
    session.close()


def test_a_ct_opens_in_a_window_and_an_mri_does_not(session, tmp_path, make_run, viewer):
    assert session.work.screen.image.contrast_limits == [-160, 240]
    session.view.next_window()
    assert session.work.screen.image.contrast_limits == [-20, 140]
    other = make_run(tmp_path / "mri", {"s01": sample()}, unit=None)
    mri = Session(viewer, Run.at(other), "net", Reviewer("ada"))
    mri.go(0)
    assert not mri.view.windows
    mri.view.next_window()
    assert mri.work.screen.image.contrast_limits[0] > -100.5
    mri.close()


def test_phases_are_corrected_one_by_one(tmp_path, make_run, viewer):
    image, labels = sample(shape=(3, *SHAPE))
    make_run(tmp_path, {"s01": (image, labels)})
    session = Session(viewer, Run.at(tmp_path), "net", Reviewer("ada"))
    session.go(0)
    viewer.dims.set_point(0, 0.4)
    session.work.screen.labels.paint((1, 2, 3, 4), 41)
    entry = session.decide("accept-with-edits").result()
    stored = open_image(tmp_path / "corrections" / entry.verdict.correction.path)
    found = np.argwhere(stored.image.read((slice(None),) * 4) == 41)
    assert set(found[:, 0]) == {1}
    session.close()


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(MedscienceError, match="REVIEW-FOLDER"):
        Run.at(tmp_path)


def test_where_nothing_may_be_written_a_case_is_only_looked_at(run, viewer, monkeypatch):
    """Group J14: shown, and no verdict."""
    Session(viewer, run, "net", Reviewer("ada")).close()
    monkeypatch.setattr("medscience.review.ledger._writable", lambda path: False)
    session = Session(viewer, run, "net", Reviewer("ada"))
    session.go(0)
    assert not session.work.screen.labels.editable
    with pytest.raises(MedscienceError, match="REVIEW-READ-ONLY"):
        session.decide("accept")
    session.next()
    session.close()
    assert not (run.corrections / ".drafts").exists()
