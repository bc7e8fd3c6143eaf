"""A liver on CT from a DICOM series and a reference, through the workflow, to its lesions in the report."""

import csv

import highdicom as hd
import numpy as np
import pytest

from medscience.export.nifti import write_nifti
from medscience.image import Image
from medscience.ingest.dicom.read import open_dicom
from medscience.steps.export import ct as export_ct
from medscience.steps.export import seg
from medscience.store.images import open_image
from medscience.store.tables import read_table
from tests.steps.test_liver import ct, save_liver_model
from tests.workflow.test_cohort import page, run, sheet

pytestmark = pytest.mark.workflow


@pytest.fixture
def project(tmp_path):
    """A working directory with a small random model and a made CT as DICOM, with a reference."""
    save_liver_model(tmp_path / "config/models", name="liver-test")
    settings = "samples: config/samples.tsv\nmodels:\n  liver_ct: [liver-test]\nmemory: 4G\nthreads: 1\n"
    (tmp_path / "config/config.yaml").write_text(settings)
    export_ct(ct(tmp_path / "made.ome.zarr"), tmp_path / "scan")
    meaning = open_dicom(tmp_path / "scan").meaning
    truth = np.zeros(meaning.geometry.shape, np.uint8)
    truth[tuple(slice(n // 3, 2 * n // 3) for n in truth.shape)] = 1
    truth[tuple(slice(n // 2, n // 2 + 2) for n in truth.shape)] = 2
    write_nifti(Image(truth, meaning), tmp_path / "truth.nii.gz", is_labels=True, form_code=1)
    rows = [["good", "liver_ct", "scan", "truth.nii.gz"], ["gone", "liver_ct", "nowhere", ""]]
    sheet(tmp_path, rows, "sample\ttrack\tsource\treference")
    return tmp_path


def test_a_series_runs_through_to_its_lesions_and_back_to_a_segmentation(project):
    found = run(project)
    assert found.returncode == 1
    html = page(project)
    assert html.count("INPUT-MISSING") >= 1
    assert "Livers against their references" in html
    table, stated = read_table(project / "results/lesions/liver-test/good.parquet")
    assert {"labels", "image", "reference"} <= set(stated)
    assert table["side"].to_pylist().count("reference") == 1
    with (project / "results/report/cohort_livers.tsv").open(newline="") as file:
        (case,) = csv.DictReader(file, delimiter="\t")
    assert (case["sample"], case["reference_lesions"]) == ("good", "1")
    labels, image = (project / f"results/{place}/good.ome.zarr" for place in ("labels/liver-test", "images"))
    seg(labels, image, project / "scan", project / "out.dcm")
    volume = hd.seg.segread(project / "out.dcm").get_volume(segment_numbers=[1])
    ours = open_image(labels).image.read((slice(None),) * 3) > 0
    assert volume.array.sum() == ours.sum()
