"""A simulated scan goes through ingest and reconstruction, and comes out where the truth is."""

import csv

import nibabel as nib
import numpy as np
import pytest

from medscience.steps.ingest import ingest
from medscience.steps.reconstruct import reconstruct
from medscience.steps.simulate_thorax import breathe, thorax
from medscience.store.images import open_image


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    thorax(folder, seed=3, voxel=8.0, views=180, seconds=30.0)
    return folder


def whole(path):
    image = open_image(path).image
    return image, image.read((slice(None),) * len(image.shape)).astype(float)


def test_what_is_reconstructed_lies_where_the_truth_is(scan, tmp_path):
    names = ("projections", "truth", "phases", "prior")
    projections, truth, phases, prior = (tmp_path / f"{name}.ome.zarr" for name in names)
    ingest(scan / "thorax-3.mha", projections, acquisition=scan / "thorax-3.yaml")
    ingest(scan / "thorax-3_truth.nii.gz", truth)
    reconstruct(projections, phases, prior)
    (known, true), (found, seen), (_, still) = (whole(path) for path in (truth, phases, prior))
    assert found.geometry.close_to(known.geometry)
    assert seen.shape == true.shape
    mean = true.mean(axis=0)
    likeness = {
        axes: np.corrcoef(still.ravel(), np.flip(mean, axes).ravel())[0, 1] for axes in ((), (0,), (1,), (2,))
    }
    assert likeness[()] > 0.95
    assert likeness[()] > max(likeness[axes] for axes in ((0,), (1,), (2,))) + 0.02
    body = mean > -300
    assert abs(np.median(still[body] - mean[body])) < 60  # noise, scatter and all


def rows(path, delimiter):
    return list(csv.DictReader(path.read_text().splitlines(), delimiter=delimiter))


def test_the_sheet_and_the_tables_tell_of_each_other(scan):
    (row,) = rows(scan / "samples.tsv", "\t")
    assert row["track"] == "cbct4d"
    assert row["reference"].endswith("thorax-3_truth.nii.gz")
    phases = rows(scan / "thorax-3_truth.tsv", "\t")
    assert sum(int(phase["views"]) for phase in phases) == 180
    heights = [float(phase["tumour_z_mm"]) for phase in phases]
    assert int(np.argmin(heights)) in (9, 0, 1)
    views = rows(scan / "thorax-3_breathing.csv", ",")
    assert len(views) == 180
    assert all(0 <= float(view["phase"]) < 1 for view in views)


def test_a_ct_breathes(scan, tmp_path):
    ct = tmp_path / "ct.ome.zarr"
    source = tmp_path / "ct.nii.gz"
    loaded = nib.load(scan / "thorax-3_truth.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(loaded.dataobj[..., 5]), loaded.affine), source)
    ingest(source, ct, hounsfield=True)
    breathe(ct, tmp_path / "again", seed=4, voxel=8.0, views=60, seconds=30.0)
    assert (tmp_path / "again/ct-breathing-4.mha").exists()
    assert len((tmp_path / "again/ct-breathing-4_truth.tsv").read_text().splitlines()) == 11
