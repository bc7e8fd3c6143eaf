"""Cone-beam scans in the sheet: projections are reconstructed, images of phases taken as they are."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.ingest.scans import circle, counts, table, write_scan
from tests.workflow.test_cohort import run, sheet

pytestmark = pytest.mark.workflow


def test_projections_and_phases_both_become_a_4d_image(tmp_path):
    shutil.copytree(REPOSITORY / "config/models", tmp_path / "config/models")
    (tmp_path / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels:\n  cbct4d: [demo-head]\n"
    )
    signal = table(phase=np.mod(np.arange(120) / 9.7, 1))
    scan = write_scan(
        tmp_path / "scan", counts(120), circle(120, 3.0), signal, voxels=[8, 12, 12], voxel_mm=2
    )
    binned = np.random.default_rng(0).integers(-1000, 500, (3, 6, 7, 8)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(binned, isVector=False), tmp_path / "binned.mha")
    (tmp_path / "phases.yaml").write_text("phases: true\n")
    rows = [
        ("scan", "cbct4d", *map(str, scan)),
        ("binned", "cbct4d", str(tmp_path / "binned.mha"), str(tmp_path / "phases.yaml")),
    ]
    sheet(tmp_path, rows, columns="sample\ttrack\tsource\tacquisition")
    wanted = [f"results/images/{name}.ome.zarr.commit.json" for name in ("scan", "binned")]
    found = run(tmp_path, *wanted)
    assert found.returncode == 0, found.stderr
    images = [open_image(tmp_path / path).image for path in wanted]
    assert [image.meaning.axes for image in images] == ["tzyx", "tzyx"]
    assert [image.shape for image in images] == [(10, 8, 12, 12), binned.shape]
    assert images[1].meaning.time_step is None
    assert images[0].meaning.value_unit == "HU"
    assert open_image(tmp_path / wanted[0]).reconstruction == "fdk"  # what the model knows nothing of
    prior = open_image(tmp_path / "results/priors/scan.ome.zarr").image
    assert prior.geometry.close_to(images[0].geometry)
    (tmp_path / "scan/breathing.csv").write_text(table(phase=np.mod(np.arange(120) / 8.3, 1)))
    restored = "results/restored/demo-head/scan.ome.zarr.commit.json"
    again = run(tmp_path, "--dry-run", "--printshellcmds", *wanted, restored)
    assert "rule projections" in again.stdout + again.stderr
    assert "rule ingest" not in again.stdout + again.stderr
    assert "--prior results/priors/scan.ome.zarr.commit.json" in again.stdout + again.stderr


def test_a_model_of_two_rounds_has_phases_reconstructed_again_from_what_it_restored_and_fitted(tmp_path):
    shutil.copytree(REPOSITORY / "config/models", tmp_path / "config/models")
    model = tmp_path / "config/models/thorax-narrow.yaml"
    model.write_text(model.read_text().replace("  rounds: 4", "  rounds: 2"))
    (tmp_path / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels:\n  cbct4d: [thorax-narrow]\n"
    )
    signal = table(phase=np.mod(np.arange(120) / 9.7, 1))
    scan = write_scan(
        tmp_path / "scan", counts(120), circle(120, 3.0), signal, voxels=[8, 16, 16], voxel_mm=4
    )
    sheet(tmp_path, [("scan", "cbct4d", *map(str, scan))], columns="sample\ttrack\tsource\tacquisition")
    wanted = "results/restored/thorax-narrow/scan.ome.zarr.commit.json"
    found = run(tmp_path, wanted)
    assert found.returncode == 0, found.stderr
    rounds = tmp_path / "results/rounds"
    given, first, again, restored, fitted = map(
        open_image,
        (
            tmp_path / "results/images/scan.ome.zarr",
            rounds / "1/restored/thorax-narrow/scan.ome.zarr",
            rounds / "2/images/thorax-narrow/scan.ome.zarr",
            rounds / "2/restored/thorax-narrow/scan.ome.zarr",
            tmp_path / wanted,
        ),
    )
    assert first.commit.provenance.inputs["image"] == given.commit.digest
    assert again.commit.provenance.inputs["restored"] == first.commit.digest
    assert restored.commit.provenance.inputs["image"] == again.commit.digest
    assert fitted.commit.provenance.inputs["restored"] == restored.commit.digest
    assert fitted.reconstruction == "fit"
    assert fitted.commit.record["model"] == "thorax-narrow"  # whose measurements these become
