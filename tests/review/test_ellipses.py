"""Corrections of recordings: tables that only belong to their recording, and come in once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from medscience.antinode import Antinode, Ellipse
from medscience.description import file_sha256
from medscience.detections import Detection, as_table, frames_that_differ
from medscience.errors import MismatchError, StoreError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.measure.notes import MOTION, NOTES
from medscience.review.ellipses import read_ellipses, save_ellipses
from medscience.review.ledger import NAME, Ledger
from medscience.review.queue import Reason, ranked, read_queue, write_queue
from medscience.review.reviews import read_reviews
from medscience.review.strike_reasons import of_detections, of_motion
from medscience.review.verdict import Shown
from medscience.steps import review
from medscience.store.tables import read_table, write_table
from tests.review.conftest import said, write

OWNER = ("net", "strike")
GRID = Geometry.own((1, 60, 80))


def detection(frame, x=30.0, y=20.0, rings=2.0, width=0.5):
    antinode = Antinode(Ellipse(x, y, 12.0, 6.0, 30.0), rings, 0.9)
    return Detection(antinode, rings - width / 2, rings + width / 2, frame, frame / 1000)


FOUND = [detection(frame) for frame in range(20)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a recording and what was found in it, and work in its folder."""
    monkeypatch.chdir(tmp_path)
    frames = np.random.default_rng(0).integers(0, 255, (20, 1, 60, 80)).astype(np.uint8)
    meaning = Meaning(GRID, "tzyx", time_step=0.001, space="pixels")
    image = write(tmp_path / "results/images/strike.ome.zarr", frames, meaning=meaning)
    inputs = {"image": image.commit.digest, "model": "c" * 64}
    write_table(tmp_path / "results/detections/net/strike.parquet", as_table(FOUND), inputs)
    return tmp_path


def shown(project):
    found = project / "results/detections/net/strike.parquet"
    return Shown(read_table(found)[1]["image"], file_sha256(found), "c" * 64)


def save(project, detections, root=None):
    what = shown(project)
    stated = {"image": what.image, "detections": what.labels, "model": what.model}
    return save_ellipses(root or project / "corrections", OWNER, as_table(detections), stated)


def accept(project, correction, root=None):
    verdict = said(
        "accept-with-edits", sample="strike", model="net", shown=shown(project), correction=correction
    )
    with Ledger((root or project / "corrections") / NAME) as ledger:
        return ledger.save(verdict)


def test_what_a_person_left_stands_until_another_table_is_found(project):
    corrected = [replace(FOUND[0], low=0.0), *FOUND[1:]]
    correction = save(project, corrected)
    assert save(project, corrected) == correction  # a crash before the verdict doubles nothing
    accept(project, correction)
    path = project / "corrections" / correction.path
    assert read_reviews(project / "results").corrections == {OWNER: path.relative_to(project)}
    table = read_ellipses(path, shown(project).image)
    assert frames_that_differ(as_table(FOUND), table) == {0}
    review.verify()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match="TABLE-ALTERED"):
        review.verify()


def test_people_who_save_at_once_have_a_table_each(project):
    tables = [[replace(FOUND[0], low=n / 100)] for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda rows: save(project, rows), tables))
    assert len({correction.path for correction in kept}) == len(tables)
    assert len({correction.digest for correction in kept}) == len(tables)


def test_ellipses_of_another_recording_are_refused(project):
    path = project / "corrections" / save(project, FOUND[:3]).path
    with pytest.raises(MismatchError, match=r"CORRECTION-PAIR.*image digest"):
        read_ellipses(path, "d" * 64)
    write_table(path, pa.table({"frame": [1]}), {"image": shown(project).image})
    with pytest.raises(MismatchError, match=r"CORRECTION-PAIR.*columns"):
        read_ellipses(path, shown(project).image)


def test_another_labs_ellipses_come_in_once(project, tmp_path_factory):
    there = tmp_path_factory.mktemp("there")
    accept(project, save(project, FOUND[:5], there), there)
    review.export(project / "none.yaml", there / "all.json", folder=there)
    for _ in range(2):
        review.import_reviews(there / "all.json")
    with Ledger(project / "corrections" / NAME, read_only=True) as ledger:
        (entry,) = ledger.entries()
    path = project / "corrections" / entry.verdict.correction.path
    assert read_table(path)[0].num_rows == 5
    assert len(list(path.parent.iterdir())) == 1


def test_a_queue_keeps_the_frame(tmp_path):
    (case,) = ranked(
        [("strike", [Reason("stray", 0.5, "three", (1.0, 2.0, 0.0), 17), Reason("check", 0.2, "x")])]
    )
    write_queue([case], tmp_path / "q.tsv")
    assert read_queue(tmp_path / "q.tsv") == (case,)
    assert case.places == (((1.0, 2.0, 0.0), 17),)


def note(**change):
    known = {"antinode": 1, "x_px": 30.0, "y_px": 20.0, "a_px": 12.0, "b_px": 6.0, "angle_deg": 30.0}
    row = dict.fromkeys(NOTES.names) | {"sample": "strike", "model": "net"} | known | change
    return pa.Table.from_pylist([row], NOTES)


def test_a_recording_in_which_all_fits_gives_no_reason():
    assert list(of_detections(as_table(FOUND), note(), GRID)) == []
    assert list(of_motion(motion([2.0] * 20, [2.1] * 20), note(), 0.2, GRID)) == []


def test_strays_and_unsure_counts_are_named_with_their_frame():
    rows = [*FOUND, detection(7, x=70.0, y=50.0), detection(9, width=3.0)]
    stray, unsure = sorted(of_detections(as_table(rows), note(), GRID), key=lambda reason: reason.kind)[::-1]
    assert (stray.kind, stray.frame) == ("stray", 7)
    assert tuple(GRID.index(stray.place)) == (0, 50, 70)
    assert (unsure.kind, unsure.frame) == ("interval", 9)
    assert [r.kind for r in of_detections(as_table([]), note(), GRID)] == ["check"]


def motion(counted, fitted):
    rows = [
        dict.fromkeys(MOTION.names)
        | {"sample": "strike", "model": "net", "antinode": 1, "time_s": n / 1000, "frame": n}
        | {"rings": rings, "displacement_rings": moved}
        for n, (rings, moved) in enumerate(zip(counted, fitted, strict=True))
    ]
    return pa.Table.from_pylist(rows, MOTION)


def test_moments_that_contradict_the_motion_are_named():
    counted = [2.0, 2.0, 5.0, None, None]
    found = {r.kind: r for r in of_motion(motion(counted, [2.0, -2.0, -2.0, 3.0, 0.4]), note(), 0.3, GRID)}
    assert found.keys() == {"misfit", "missed"}
    assert found["misfit"].frame == 2
    assert found["missed"].frame == 3
