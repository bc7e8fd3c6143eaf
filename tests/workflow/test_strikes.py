"""Rows of struck pans in the sheet, from film to report; what fails stands in the report."""

import csv
import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from medscience.description import file_sha256
from medscience.detections import SCHEMA, as_table, from_table
from medscience.review.ellipses import save_ellipses
from medscience.review.ledger import NAME, Ledger
from medscience.review.queue import read_queue
from medscience.review.verdict import Shown
from medscience.simulate.espi.strike import simulate_strike
from medscience.steps.simulate_espi import espi
from medscience.store.images import open_image
from medscience.store.tables import read_table, write_table
from tests.accuracy.detector import detected
from tests.accuracy.modal import Moving
from tests.review.conftest import said
from tests.workflow.test_cohort import page, run

pytestmark = pytest.mark.workflow

SEED, FRAMES = 12, 150


def write_found(project):
    """Write what a detector might find; it is newer than its inputs, so no network is asked."""
    strike = simulate_strike(SEED, FRAMES)
    notes = [
        Moving(n.dome.ellipse, n.frequency_hz, strike.motion.place[k, ::4], strike.amplitude(k), 0.0)
        for k, n in enumerate(strike.notes)
    ]
    lost = sorted(strike.dropped)
    found = detected(notes, np.random.default_rng(1), blank=[*strike.blank, *lost])
    frames = found.frame - np.searchsorted(lost, found.frame)
    image = open_image(project / "results/images/good.ome.zarr")
    names = ("x", "y", "a", "b", "angle")
    columns = {
        "frame": frames,
        "time_s": image.image.meaning.times(FRAMES)[frames],
        **dict(zip(names, found.ellipse.T, strict=True)),
        "rings": found.rings,
        "rings_low": found.low,
        "rings_high": found.high,
        "score": found.score,
    }
    path = project / "results/detections/net/good.parquet"
    table = pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    write_table(path, table, {"image": image.commit.digest, "model_name": "net"})
    os.utime(path)


def test_a_strike_and_a_missing_film_run_through_to_the_report(tmp_path):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/net.yaml").write_text("{}\n")
    settings = "samples: config/samples.tsv\nmodels:\n  steelpan: [net]\nmemory: 4G\n"
    (tmp_path / "config/config.yaml").write_text(settings)
    espi(tmp_path / "films", seed=SEED, count=1, frames=FRAMES)
    films = tmp_path / "films"
    rows = [
        "sample\ttrack\tsource\tacquisition",
        f"good\tsteelpan\t{films}/strike-{SEED}.mkv\t{films}/strike-{SEED}.yaml",
        f"gone\tsteelpan\t{films}/gone.mkv\t{films}/strike-{SEED}.yaml",
    ]
    (tmp_path / "config/samples.tsv").write_text("\n".join(rows) + "\n")
    first = run(tmp_path, "results/images/good.ome.zarr.commit.json")
    assert first.returncode == 0, first.stderr
    write_found(tmp_path)

    found = run(tmp_path)
    assert found.returncode == 1
    table, stated = read_table(tmp_path / "results/measurements/net/good.parquet")
    assert len(table) >= 1
    assert stated["blow_s"]
    assert (tmp_path / "results/films/net/good.mp4").stat().st_size > 1000
    html = page(tmp_path)
    assert "INPUT-MISSING" in html
    assert "net--good" in html
    with (tmp_path / "results/report/cohort_notes.tsv").open(newline="") as file:
        assert {row["sample"] for row in csv.DictReader(file, delimiter="\t")} == {"good"}

    correct_all_counts(tmp_path)  # a person says that all counts are twice as high
    again = run(tmp_path)
    assert again.returncode == 1  # the other film is still gone
    corrected, stated = read_table(tmp_path / "results/measurements/net/good.parquet")
    assert int(stated["frames_corrected"]) > FRAMES / 2
    peaks = [dict(enumerate(t["peak_rings"].to_pylist())) for t in (table, corrected)]
    assert peaks[1][0] == pytest.approx(2 * peaks[0][0], rel=0.05)
    assert "a person corrected the ellipses" in page(tmp_path)
    (case,) = read_queue(tmp_path / "results/review/net.tsv")
    assert {reason.kind for reason in case.reasons} >= {"stray"}
    assert all(0 <= frame < FRAMES for _, frame in case.places)


def correct_all_counts(project):
    found = project / "results/detections/net/good.parquet"
    table, inputs = read_table(found)
    doubled = [
        replace(
            one,
            antinode=replace(one.antinode, rings=2 * one.antinode.rings),
            low=2 * one.low,
            high=2 * one.high,
        )
        for one in from_table(table)
    ]
    shown = Shown(inputs["image"], file_sha256(found), "c" * 64)
    stated = {"image": shown.image, "detections": shown.labels, "model": shown.model}
    correction = save_ellipses(project / "corrections", ("net", "good"), as_table(doubled), stated)
    verdict = said("accept-with-edits", sample="good", model="net", shown=shown, correction=correction)
    with Ledger(project / "corrections" / NAME) as ledger:
        ledger.save(verdict)
