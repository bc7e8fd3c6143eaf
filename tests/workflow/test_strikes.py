"""Rows of struck pans in the sheet, from film to report; what fails stands in the report."""

import csv
import os

import numpy as np
import pyarrow as pa
import pytest

from medscience.detections import SCHEMA
from medscience.simulate.espi.strike import simulate_strike
from medscience.steps.simulate_espi import espi
from medscience.store.images import open_image
from medscience.store.tables import read_table, write_table
from tests.accuracy.detector import detected
from tests.accuracy.modal import Moving
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
