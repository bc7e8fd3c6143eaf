import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medscience.measure.regions import SCHEMA
from medscience.report.collect import collect
from medscience.store.commit import commit_path, read_commit
from medscience.store.images import open_image
from medscience.store.tables import read_table, write_table


def only(items):
    (item,) = items
    return item


def gather(folder, cohort):
    return collect(cohort, folder.results, folder.models, folder.results.parent / "config.yaml")


def test_a_finished_sample_is_a_result_with_its_measurements(folder, cohort_of):
    folder.finish("a")
    report = gather(folder, cohort_of("a", patient="P1", split="test"))
    result = only(only(report.models).results)
    assert (report.samples, report.failed, report.failures) == (1, 0, ())
    assert (result.sample.patient, result.sample.split, result.model) == ("P1", "test", "net")
    assert [m.region.volume_mm3 for m in result.measurements] == pytest.approx([215 * 128.0, 128.0])
    assert [m.color for m in result.measurements] == [(240, 240, 240), (220, 30, 30)]
    assert result.pictures.still.startswith(b"RIFF")
    assert report.measurements.schema.equals(SCHEMA)


def test_runs_tell_step_digest_time_and_memory(folder, cohort_of):
    folder.finish("a")
    result = only(only(gather(folder, cohort_of("a")).models).results)
    assert [run.step for run in result.runs] == ["ingest", "predict", "postprocess", "measure"]
    assert [len(run.digest) for run in result.runs[:3]] == [64] * 3
    for run in result.runs:
        assert run.versions.keys() >= {"python", "torch", "numpy", "zarr"}
        assert run.seconds >= 0
        assert run.peak_memory_bytes > 0


def test_a_record_that_says_little_is_enough(folder, cohort_of):
    folder.finish("a")
    store = folder.results / "images/a.ome.zarr"
    commit_path(store).write_bytes(replace(read_commit(store), record={}).to_bytes())
    run = only(only(gather(folder, cohort_of("a")).models).results).runs[0]
    assert (run.seconds, run.peak_memory_bytes, run.warnings) == (None, None, ())
    assert list(run.versions) == ["medscience"]


def test_models_share_the_copy_of_their_image(folder, cohort_of):
    folder.finish("a")
    folder.segment("a", "other")
    folder.measure("a", "other")
    first, second = gather(folder, cohort_of("a", models=("net", "other"))).results
    assert first.pictures.image is second.pictures.image


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def label_array(folder):
    return only((folder.results / "labels/net/bad.ome.zarr/0/c").rglob("0/0/0"))


def of_another_image(folder):
    for name in ("labels", "predictions"):
        commit_path(folder.results / f"{name}/net/bad.ome.zarr").unlink()
    folder.segment("bad", image="good")


def made_anew(folder):
    """Labels were made again, from a new prediction; measure was not run again."""
    for name in ("labels", "predictions"):
        commit_path(folder.results / f"{name}/net/bad.ome.zarr").unlink()
    folder.segment("bad", labels=np.ones((12, 14, 16), dtype=np.uint8))


def of_another_prediction(folder):
    for name in ("labels", "predictions"):
        shutil.copytree(folder.results / name, folder.results / f"old-{name}")
    made_anew(folder)
    shutil.rmtree(folder.results / "labels")
    shutil.move(folder.results / "old-labels", folder.results / "labels")


def without_meaning(folder):
    path = folder.results / "measurements/net/bad.parquet"
    pq.write_table(pq.read_table(path, partitioning=None).replace_schema_metadata({"medscience": "[]"}), path)


def with_other_quality(folder):
    path = folder.results / "measurements/net/bad.parquet"
    rows, stated = read_table(path)
    write_table(path, rows, stated | {"quality": '{"flags": []}'})


def of_another_sample(folder):
    tables = folder.results / "measurements/net"
    shutil.copy(tables / "good.parquet", tables / "bad.parquet")


def with_other_columns(folder):
    path = folder.results / "measurements/net/bad.parquet"
    pq.write_table(pa.table({"sample": ["bad"], "model": ["net"]}), path)


DAMAGE = {
    "no image": lambda f: shutil.rmtree(f.results / "images/bad.ome.zarr"),
    "no image commit": lambda f: commit_path(f.results / "images/bad.ome.zarr").unlink(),
    "no prediction": lambda f: commit_path(f.results / "predictions/net/bad.ome.zarr").unlink(),
    "no labels": lambda f: commit_path(f.results / "labels/net/bad.ome.zarr").unlink(),
    "altered labels": lambda f: flip_a_bit(label_array(f)),
    "altered commit": lambda f: flip_a_bit(commit_path(f.results / "labels/net/bad.ome.zarr")),
    "empty table": lambda f: (f.results / "measurements/net/bad.parquet").write_bytes(b""),
    "no parquet": lambda f: (f.results / "measurements/net/bad.parquet").write_text("a,b\n1,2\n"),
    "other columns": with_other_columns,
    "another sample's table": of_another_sample,
    "labels of another image": of_another_image,
    "labels of another prediction": of_another_prediction,
    "measurements of other labels": made_anew,
    "metadata of another form": without_meaning,
    "quality of another form": with_other_quality,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_broken_sample_is_one_failure_and_leaves_the_others_alone(folder, cohort_of, damage):
    folder.finish("good")
    folder.finish("bad")
    damage(folder)
    report = gather(folder, cohort_of("bad", "good"))
    assert [result.sample.name for result in only(report.models).results] == ["good"]
    assert set(report.measurements["sample"].to_pylist()) == {"good"}
    failure = only(report.failures)
    assert (failure.sample, failure.model) == ("bad", "net")
    assert failure.step == "report"
    assert len(failure.line) > 20
    assert failure.line.isprintable()


def test_a_sample_that_was_not_ingested_fails_once_for_all_models(folder, cohort_of):
    folder.fail("ingest", "a", "NIFTI-TRUNCATED  short")
    report = gather(folder, cohort_of("a", models=("net", "other")))
    failure = only(report.failures)
    assert (failure.step, failure.model) == ("ingest", None)
    assert [model.name for model in report.models] == ["net", "other"]


def test_a_step_that_failed_anew_explains_why_its_store_is_gone(folder, cohort_of):
    folder.finish("a")
    commit_path(folder.results / "images/a.ome.zarr").unlink()
    folder.fail("ingest", "a", "NIFTI-TRUNCATED  short")
    assert only(gather(folder, cohort_of("a")).failures).line == "NIFTI-TRUNCATED  short"


def test_measurements_win_over_a_stale_record(folder, cohort_of):
    folder.finish("a")
    folder.fail("predict", "a", "MEMORY-PROMISE  of an earlier run", model="net")
    assert gather(folder, cohort_of("a")).failures == ()


def test_repairs_and_warnings_of_every_step_are_shown(folder, cohort_of):
    repair = {"code": "NIFTI-QFAC", "field": "pixdim[0]", "before": 0, "after": 1}
    folder.ingest("a", record={"repairs": [repair], "warnings": ["very bright"]})
    folder.segment("a")
    folder.measure("a")
    result = only(only(gather(folder, cohort_of("a")).models).results)
    assert result.warnings == (
        "ingest: NIFTI-QFAC  repaired pixdim[0]: 0 became 1",
        "ingest: very bright",
    )


def test_labels_that_are_absent_or_cut_by_the_border_are_warned_of(folder, cohort_of):
    labels = np.zeros((12, 14, 16), dtype=np.uint8)
    labels[0, 5, 5] = 1
    folder.ingest("a")
    folder.segment("a", labels=labels)
    folder.measure("a")
    result = only(only(gather(folder, cohort_of("a")).models).results)
    assert result.warnings == (
        "not found, so the volume is 0: Lesion",
        "touches the border of the image and may go on outside: White Matter",
    )


def test_a_caution_stands_with_the_result_and_once_with_the_model(folder, cohort_of):
    for sample in ("a", "b"):
        folder.ingest(sample)
        folder.segment(sample, caution="simulated\ndata only")
        folder.measure(sample)
    model = only(gather(folder, cohort_of("a", "b")).models)
    assert model.cautions == ("simulated data only",)
    assert {result.caution for result in model.results} == {"simulated data only"}


def test_dice_is_there_where_there_is_a_reference(folder, cohort_of):
    folder.finish("a")
    folder.ingest("b")
    folder.segment("b")
    labels = open_image(folder.results / "labels/net/b.ome.zarr").image
    folder.measure("b", reference=np.asarray(labels.data))
    results = only(gather(folder, cohort_of("a", "b")).models).results
    assert [[m.dice for m in result.measurements] for result in results] == [[None] * 2, [1.0] * 2]


@pytest.mark.parametrize("content", [None, "", "name: [", json.dumps({"name": "net"})])
def test_a_missing_or_broken_model_file_is_left_out(folder, cohort_of, content):
    folder.finish("a")
    if content is not None:
        folder.models.mkdir()
        (folder.models / "net.yaml").write_text(content)
    model = only(gather(folder, cohort_of("a")).models)
    assert model.file is None
    assert len(model.results) == 1


def test_nothing_at_all_is_a_report_of_failures(folder, cohort_of):
    report = gather(folder, cohort_of("a", "b"))
    assert (report.samples, report.failed, report.measurements.num_rows) == (2, 2, 0)
