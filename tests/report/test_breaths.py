"""The report's part on chests that breathe."""

import io
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from medscience.config.settings import Models, Settings
from medscience.config.sheet import Sample
from medscience.errors import MismatchError
from medscience.image import Meaning
from medscience.report.breaths import AGAIN, FIT, animated, coronal, montage, read_breath
from medscience.report.recipe import breath_commands
from medscience.simulate.thorax.canvas import upright
from medscience.steps.assess import assess
from medscience.store.commit import Provenance, commit_path
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged

GRID = upright((10, 12, 14), 8.0)
SHAPE = (6, 10, 12, 14)


def store(path, values, inputs=None, made=None):
    source = {"format": "reconstruction"} if made else None
    content = Content.of(Meaning(GRID, "tzyx", "HU"), source=source)
    with staged(path, Provenance(*(made or ("test", {"path": path.name})), inputs or {})) as staging:
        staging.record["model"] = "tiny4d"
        writer = ImageWriter(staging, content, values.shape, np.float32)
        writer.write(tuple(slice(0, n) for n in values.shape), values.astype(np.float32))
        writer.finish()
    return open_image(path).commit.digest


@pytest.fixture
def results(tmp_path):
    random = np.random.default_rng(0)
    truth = np.full(SHAPE, -1000.0)
    truth[:, :, 2:10, 2:12] = 40
    for phase in range(6):
        truth[phase, 4 + abs(phase - 3) :, 3:9, 3:11] = -800
    noisy, made = truth + 100 * random.standard_normal(SHAPE), ("reconstruct", {"method": "mckinnon-bates"})
    given = store(tmp_path / "images/case.ome.zarr", noisy, made=made)
    store(tmp_path / "restored/tiny4d/case.ome.zarr", truth, {"image": given})
    store(tmp_path / "references/case.ome.zarr", truth)
    paths = [tmp_path / name for name in ("restored/tiny4d/case.ome.zarr", "images/case.ome.zarr")]
    table = tmp_path / "measurements/tiny4d/case.parquet"
    table.parent.mkdir(parents=True)
    assess(*paths, table, tmp_path / "references/case.ome.zarr")
    return tmp_path


CASE = Sample(name="case", track="cbct4d", source="case.mha", reference="truth.nii.gz")


def test_a_result_has_its_numbers_its_picture_and_its_loop(results):
    found = read_breath(results, "tiny4d", CASE, 60_000)
    assert found.phases == 6
    assert found.method == "mckinnon-bates"
    assert found.has_truth
    body = next(row for row in found.rows if row.region == "body").numbers
    assert body["rmse_hu"] == pytest.approx(0)
    assert body["given_rmse_hu"] == pytest.approx(100, rel=0.1)
    assert found.motion["motion_rmse_hu"] == pytest.approx(0)
    picture, loop = (PIL.Image.open(io.BytesIO(one)) for one in (found.picture, found.loop))
    assert (picture.format, loop.format) == ("WEBP", "WEBP")
    assert loop.n_frames == 6
    assert loop.info["loop"] == 0
    assert len(found.picture) + len(found.loop) < 60_000


def in_rounds(results):
    """Let the restored phases be those of a third round."""
    images, narrow = results / "images/case.ome.zarr", "tiny4d/case.ome.zarr"
    phases, digest = open_image(images).image.read((slice(None),) * 4), open_image(images).commit.digest
    made = ("reconstruct", {"method": "mckinnon-bates"})
    for number in (1, 2):
        first = store(results / f"rounds/{number}/restored/{narrow}", phases, {"image": digest})
        again = results / f"rounds/{number + 1}/images/{narrow}"
        digest = store(again, phases, {"restored": first}, made=made)
    last = results / "restored" / narrow
    shutil.rmtree(last)
    commit_path(last).unlink()
    store(last, phases, {"image": digest})
    paths = last, images, results / "measurements/tiny4d/case.parquet"
    assess(*paths, results / "references/case.ome.zarr")


def test_every_round_is_a_run_of_the_report_and_of_its_commands(results):
    in_rounds(results)
    found = read_breath(results, "tiny4d", CASE, 60_000)
    assert [run.step for run in found.runs] == ["reconstruct", *["predict", AGAIN] * 2, "predict", "assess"]
    settings = Settings(samples=Path("s.tsv"), models=Models(cbct4d=("tiny4d",)))
    lines = [line.split() for line in breath_commands(found, settings)]
    made = [line[line.index("--again") + 1] for line in lines if "--again" in line]
    assert made == [f"results/rounds/{number}/restored/tiny4d/case.ome.zarr" for number in (1, 2)]


def fitted(results):
    """Let the restored phases be fitted to projections afterwards."""
    in_rounds(results)
    last, before = (
        results / "restored/tiny4d/case.ome.zarr",
        results / "rounds/3/restored/tiny4d/case.ome.zarr",
    )
    before.parent.mkdir(parents=True)
    last.rename(before)
    commit_path(last).rename(commit_path(before))
    made = ("reconstruct", {"method": "fit", "rounds": 3, "space": 5e-4})
    phases = open_image(before).image.read((slice(None),) * 4)
    store(last, phases + 1, {"restored": open_image(before).commit.digest}, made=made)
    table = results / "measurements/tiny4d/case.parquet"
    assess(last, results / "images/case.ome.zarr", table, results / "references/case.ome.zarr")


def test_a_fit_is_a_run_of_the_report_and_of_its_commands(results):
    fitted(results)
    found = read_breath(results, "tiny4d", CASE, 60_000)
    steps = ["reconstruct", *["predict", AGAIN] * 2, "predict", FIT, "assess"]
    assert [run.step for run in found.runs] == steps
    settings = Settings(samples=Path("s.tsv"), models=Models(cbct4d=("tiny4d",)))
    *_, predicted, last, _, _ = breath_commands(found, settings)
    made = "results/rounds/3/restored/tiny4d/case.ome.zarr"
    assert made in predicted
    assert last.split()[1:3] == ["reconstruct", "results/projections/case.ome.zarr"]
    assert f"--method fit --rounds 3 --smooth-space 0.0005 --threads 2 --again {made}" in last


def test_a_fit_of_something_else_is_refused(results):
    fitted(results)
    before = results / "rounds/3/restored/tiny4d/case.ome.zarr"
    shutil.rmtree(before)
    commit_path(before).unlink()
    with pytest.raises(MismatchError, match="REPORT-OUTDATED"):
        read_breath(results, "tiny4d", CASE, 60_000)


def test_a_round_that_was_made_of_something_else_is_refused(results):
    in_rounds(results)
    again = results / "rounds/2/images/tiny4d/case.ome.zarr"
    shutil.rmtree(again)
    commit_path(again).unlink()
    store(again, np.zeros(SHAPE), {"restored": "0" * 64})
    with pytest.raises(MismatchError, match="REPORT-OUTDATED"):
        read_breath(results, "tiny4d", CASE, 60_000)


def test_without_a_truth_there_is_a_picture_all_the_same(results):
    paths = [results / name for name in ("restored/tiny4d/case.ome.zarr", "images/case.ome.zarr")]
    assess(*paths, results / "measurements/tiny4d/case.parquet")
    found = read_breath(results, "tiny4d", CASE, 60_000)
    assert not found.has_truth
    assert not found.motion


def test_a_table_of_other_images_is_refused(results):
    path = results / "restored/tiny4d/case.ome.zarr"
    other = open_image(path).commit.provenance.inputs["image"]
    for name in path.parent.glob("case.ome.zarr*"):
        name.rename(results / name.name)
    store(path, np.zeros(SHAPE), {"image": other})
    with pytest.raises(MismatchError, match="REPORT-OUTDATED"):
        read_breath(results, "tiny4d", CASE, 60_000)


def test_the_head_is_up_and_the_right_on_the_left(results):
    values = np.zeros(SHAPE)
    values[:, -1, :, -1] = 1  # superior right: the grid is S-A-R
    store(results / "marked.ome.zarr", values)
    seen = coronal(open_image(results / "marked.ome.zarr"), 0.5)
    assert seen.shape == (6, 10, 14)
    assert np.argwhere(seen[0]).tolist() == [[0, 0]]


def test_rows_are_given_restored_truth_and_what_is_wrong():
    slices = [np.full((6, 4, 5), value) for value in (-1000.0, 300.0, 300.0)]
    pixels = np.asarray(montage(slices))
    assert pixels.shape == (16, 25)
    assert [set(np.unique(row)) for row in np.split(pixels, 4)] == [{0}, {255}, {255}, {127}]
    assert len(animated(slices, 1)) > 0  # as small as it gets
