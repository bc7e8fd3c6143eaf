"""A cohort's demands, from headers alone."""

import pytest

from medscience.cluster.forecast import SNAKEMAKE_MB, Forecast, job_mb, job_minutes, read_forecasts
from medscience.errors import ConfigError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.steps.cluster import estimate
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.store.images import open_image
from tests.conftest import save_tiny_model


@pytest.fixture
def project(tmp_path, toy_head, monkeypatch):
    """A sheet with two scans, one of which is cut off behind its header, and one that is not there."""
    save_tiny_model(tmp_path / "config/models")
    made = toy_head(3, (48, 40, 44))
    image = Image(made.image, Meaning(made.geometry))
    write_nifti(image, tmp_path / "whole.nii", is_labels=False, form_code=1)
    (tmp_path / "cut.nii").write_bytes((tmp_path / "whole.nii").read_bytes()[:400])
    rows = [f"{name}\tbrain_mri\t{name}.nii" for name in ("whole", "cut", "missing")]
    (tmp_path / "config/samples.tsv").write_text("\n".join(["sample\ttrack\tsource", *rows]) + "\n")
    (tmp_path / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels: {brain_mri: [tiny]}\n"
        "memory: 2G\nthreads: 1\nprecision: float32\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_headers_say_what_a_prediction_will_be_given(project, capsys):
    estimate(table=project / "forecast.tsv")
    said = capsys.readouterr().out
    found = read_forecasts(project / "forecast.tsv")
    assert set(found) == {("tiny", "whole"), ("tiny", "cut")}  # voxels are not looked at
    assert found["tiny", "whole"].voxels == 48 * 40 * 44
    assert "3 predictions; 1 cannot be told before they are read" in said

    ingest(project / "whole.nii", project / "results/images/whole.ome.zarr")
    store = project / "results/predictions/tiny/whole.ome.zarr"
    predict(
        project / "results/images/whole.ome.zarr", "tiny", store, memory="2G", threads=1, precision="float32"
    )
    planned = open_image(store).commit.record["plan"]["predicted_bytes"]
    assert found["tiny", "whole"].predict_mb == -(-planned // (1 << 20))


def test_a_prediction_on_a_gpu_is_planned_where_there_is_none(project, capsys):
    settings = project / "config/config.yaml"
    settings.write_text(settings.read_text() + "device: cuda\ngpu_memory: 1G\n")
    settings.write_text(settings.read_text().replace("2G", "8G"))
    estimate(table=project / "forecast.tsv")
    found = read_forecasts(project / "forecast.tsv")["tiny", "whole"]
    assert 0 < found.gpu_mb < 1024
    assert "GPU        0." in capsys.readouterr().out
    table = (project / "forecast.tsv").read_text()
    (project / "forecast.tsv").write_text(table.replace("gpu_mb", "other"))  # as before there was the column
    assert read_forecasts(project / "forecast.tsv")["tiny", "whole"].gpu_mb == 0


def test_each_attempt_asks_for_more_and_what_is_unknown_for_what_is_promised():
    known = Forecast("m", "s", 1 << 24, 800, 100, 5)
    assert [job_mb("predict", known, 8192, attempt) for attempt in (1, 2, 3)] == [1200, 2400, 3600]
    assert job_mb("predict", None, 8192, 1) == 8192 + SNAKEMAKE_MB
    assert job_mb("ingest", known, 8192, 1) < 1200
    assert job_minutes("predict", known, 2) == 2 * job_minutes("predict", known, 1) > 10


def test_a_table_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "t.tsv").write_text("model\tsample\nm\ts\n")
    with pytest.raises(ConfigError, match="FORECAST-UNREADABLE"):
        read_forecasts(tmp_path / "t.tsv")
    assert read_forecasts(tmp_path / "none.tsv") == {}
