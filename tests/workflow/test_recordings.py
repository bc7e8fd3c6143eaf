"""A recording in the sheet: its acquisition file goes with it."""

import shutil

import pytest

from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.ingest.recordings import acquisition, film, write_video
from tests.workflow.test_cohort import run, sheet

pytestmark = pytest.mark.workflow


def test_a_recording_is_ingested_with_the_acquisition_file_that_its_row_names(tmp_path):
    shutil.copytree(REPOSITORY / "config/models", tmp_path / "config/models")
    (tmp_path / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels:\n  steelpan: [demo-head]\n"
    )
    video = write_video(tmp_path / "strike.avi", film(5))
    told = acquisition(tmp_path, "frame_rate_hz: 15037.0")
    rows = [("strike", "steelpan", str(video), str(told))]
    sheet(tmp_path, rows, columns="sample\ttrack\tsource\tacquisition")
    found = run(tmp_path, "results/images/strike.ome.zarr.commit.json")
    assert found.returncode == 0, found.stderr
    stored = open_image(tmp_path / "results/images/strike.ome.zarr")
    assert stored.image.meaning.time_step == pytest.approx(1 / 15037)
