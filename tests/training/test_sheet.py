"""`medscience train` with a sheet: what it writes, how it resumes, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import load_file

from medscience.description import read_model
from medscience.errors import (
    ConfigError,
    MemoryPromiseError,
    ModelError,
    StoreError,
    TrainingError,
)
from medscience.models.add import add_model
from medscience.models.known_answer import check_model
from medscience.models.zoo import write_tensors
from medscience.steps.train import train
from tests.training.conftest import blobs, store, write_design, write_sheet

CHECKPOINT = "checkpoint.safetensors"


def rows_of(cohort):
    return [line.split("\t") for line in (cohort / "sheet.tsv").read_text().splitlines()[1:]]


def trained(design, sheet, into, name="new", **options):
    train(str(design), name, sheet, into=into, threads=1, **options)
    return into / name


@pytest.fixture
def design(tmp_path):
    return write_design(tmp_path / "tiny.yaml")


def weights(folder):
    return load_file(folder / f"{folder.name}.safetensors")


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_training_leaves_a_model_that_anyone_can_check(cohort, design, tmp_path):
    folder = trained(design, cohort / "sheet.tsv", tmp_path / "out")
    assert check_model(folder / "new.yaml") < 1e-4
    model = read_model(folder / "new.yaml")
    assert model.weights.trained_on.startswith("2 samples of 2 patients")
    assert [entry.data for entry in model.accuracy] == 2 * ["1 validation samples of 1 patients"] + 2 * [
        "1 test samples of 1 patients"
    ]
    card = (folder / "card.md").read_text()
    for word in ("seed 3", "test, 1 samples", "torch", "Not for", "licence"):
        assert word in card
    assert "p0" not in card
    curves = (folder / "curves.tsv").read_text().splitlines()
    assert len(curves) == 1 + 8
    assert curves[4].count("\t") == 4
    assert curves[4].split("\t")[2]
    assert not (folder / CHECKPOINT).exists()
    added = add_model(folder, tmp_path / "models")
    assert check_model(added) < 1e-4


def test_a_model_that_is_there_is_not_made_again_and_never_replaced(cohort, design, tmp_path):
    folder = trained(design, cohort / "sheet.tsv", tmp_path / "out")
    before = (folder / "new.yaml").stat().st_mtime_ns
    trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)
    assert (folder / "new.yaml").stat().st_mtime_ns == before
    write_design(design, {"seed": 4})
    with pytest.raises(ModelError, match="MODEL-EXISTS"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)
    add_model(folder, tmp_path / "models")
    add_model(folder, tmp_path / "models")  # the same again is no harm
    (tmp_path / "models/new.yaml").write_text("other")
    with pytest.raises(ModelError, match="MODEL-EXISTS"):
        add_model(folder, tmp_path / "models")


OPTIMISERS = [
    {"optimiser": {"name": "adamw", "weight_decay": 0.01}},
    {"optimiser": {"name": "muon"}, "precision": "bfloat16"},
    {"optimiser": {"name": "rmsprop"}},
]


@pytest.mark.parametrize("recipe", OPTIMISERS, ids=lambda recipe: recipe["optimiser"]["name"])
def test_a_run_that_fails_at_any_step_goes_on_to_the_same_bits(cohort, tmp_path, monkeypatch, recipe):
    from medscience.training import fit

    everything = {"augmentation": {"mirror": [0], "rotate": 10, "contrast": 0.5, "noise": 0.1}}
    norm = {"channels": 4, "classes": 3, "dilations": [1, 2], "activation": "elu", "norm": "batch"}
    design = write_design(
        tmp_path / "tiny.yaml", recipe | everything, network={"name": "meshnet", "arguments": norm}
    )
    whole = trained(design, cohort / "sheet.tsv", tmp_path / "out", "whole")
    honest = fit.batch_losses
    for calls in (0, 2, 2, 1):  # a checkpoint every second step: dies in steps 1, 3, 5 and 6
        left = iter(range(calls))

        def dies(*arguments, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return honest(*arguments)

        monkeypatch.setattr(fit, "batch_losses", dies)
        with pytest.raises(KeyboardInterrupt):
            trained(design, cohort / "sheet.tsv", tmp_path / "out", "broken", resume=True)
    monkeypatch.setattr(fit, "batch_losses", honest)
    broken = trained(design, cohort / "sheet.tsv", tmp_path / "out", "broken", resume=True)
    assert_same(weights(whole), weights(broken))
    assert (whole / "curves.tsv").read_bytes() == (broken / "curves.tsv").read_bytes()


def test_a_training_killed_at_any_moment_ends_with_the_bits_of_an_undisturbed_one(cohort, tmp_path):
    """Real kills: the moment is a state of the disk, so that it is the same on a busy machine."""
    training = {"save_every": 1, "validate_every": 3}
    design = write_design(tmp_path / "tiny.yaml", training)
    whole = trained(design, cohort / "sheet.tsv", tmp_path / "out", "whole")
    folder = tmp_path / "out/killed"
    command = [sys.executable, "-m", "medscience", "train", design, "--data", cohort / "sheet.tsv"]
    command += ["--name", "killed", "--into", folder.parent, "--threads", "1", "--resume"]
    kills = 0
    for _ in range(2):
        process = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL)
        begun = _stamp(folder / CHECKPOINT)
        changes = 0
        while process.poll() is None and changes < 2:
            time.sleep(0.001)
            now = _stamp(folder / CHECKPOINT)
            changes, begun = changes + (now != begun), now
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills, "the runs were over too soon"
    assert subprocess.run([*map(str, command)], check=False).returncode == 0
    assert_same(weights(whole), weights(folder))
    assert (whole / "curves.tsv").read_bytes() == (folder / "curves.tsv").read_bytes()


def _stamp(path):
    try:
        return path.stat().st_ino
    except OSError:
        return None


def stopped(cohort, design, into, monkeypatch, saves=2):
    """Leave a training that was interrupted after some checkpoints."""
    from medscience.training import checkpoint

    honest = checkpoint.write_checkpoint
    left = iter(range(saves))

    def writes(path, state):
        if next(left, None) is None:
            raise KeyboardInterrupt
        honest(path, state)

    monkeypatch.setattr(checkpoint, "write_checkpoint", writes)
    with pytest.raises(KeyboardInterrupt):
        trained(design, cohort / "sheet.tsv", into, resume=True)
    monkeypatch.setattr(checkpoint, "write_checkpoint", honest)


def test_a_recipe_that_names_a_default_is_the_one_that_leaves_it_out(cohort, design, tmp_path, monkeypatch):
    """So a later version's new keys do not part a training from its checkpoint."""
    stopped(cohort, design, tmp_path / "out", monkeypatch)
    write_design(design, {"augmentation": {"noise": 0.0}, "start": "identity", "checkpointing": False})
    trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)
    assert (tmp_path / "out/new/new.yaml").exists()


def test_a_checkpoint_is_never_gone_on_from_by_accident(cohort, design, tmp_path, monkeypatch):
    stopped(cohort, design, tmp_path / "out", monkeypatch)
    with pytest.raises(StoreError, match="TRAIN-UNFINISHED"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out")
    write_design(design, {"loss": {"class_weights": [1.0, 1.0, 2.0]}})
    with pytest.raises(ConfigError, match="TRAIN-OTHER"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)
    path = tmp_path / "out/new" / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    write_design(design)
    with pytest.raises(StoreError, match="TRAIN-CHECKPOINT"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)


def test_an_unfinished_training_is_said_before_its_data_are_opened(cohort, design, tmp_path, monkeypatch):
    stopped(cohort, design, tmp_path / "out", monkeypatch)
    with pytest.raises(StoreError, match="TRAIN-UNFINISHED"):
        trained(design, tmp_path / "no-sheet.tsv", tmp_path / "out")


def test_a_full_disk_keeps_the_checkpoint_before(cohort, design, tmp_path, monkeypatch):
    stopped(cohort, design, tmp_path / "out", monkeypatch)
    path = tmp_path / "out/new" / CHECKPOINT
    before = path.read_bytes()

    def full(self, content):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [CHECKPOINT]
    trained(design, cohort / "sheet.tsv", tmp_path / "out", resume=True)


def test_a_loss_that_is_not_finite_names_its_batch_and_keeps_the_last_checkpoint(
    cohort, tmp_path, monkeypatch
):
    from medscience.training import fit

    design = write_design(tmp_path / "tiny.yaml")
    honest, left = fit.batch_losses, iter(range(4))
    monkeypatch.setattr(
        fit,
        "batch_losses",
        lambda *given: honest(*given) * (1 if next(left, None) is not None else float("nan")),
    )
    with pytest.raises(
        TrainingError, match=r"TRAIN-NOT-FINITE .*step 5: found a loss of nan on s[01] \d+-\d+"
    ):
        trained(design, cohort / "sheet.tsv", tmp_path / "out")
    state = load_file(tmp_path / "out/new" / CHECKPOINT)
    assert len(state["losses"]) == 4
    assert all(torch.isfinite(value).all() for value in state.values())


def test_weights_to_start_from_that_do_not_fit_are_all_listed(cohort, design, tmp_path):
    bad = tmp_path / "bad.safetensors"
    one = np.zeros((4, 1, 3, 3, 3), np.float32)
    write_tensors(bad, {name: one.copy() for name in ("features.0.weight", "head.weight", "other")})
    with pytest.raises(ModelError) as caught:
        trained(design, cohort / "sheet.tsv", tmp_path / "out", start=str(bad))
    for word in ("features.0.bias is missing", "head.weight has the shape", "other is not part of"):
        assert word in caught.value.line


def test_training_goes_on_from_another_models_weights(cohort, design, tmp_path):
    first = trained(design, cohort / "sheet.tsv", tmp_path / "out", "first")
    still = {"stages": [{"sampling": "anywhere", "patch": [16, 16, 16], "steps": 1, "learning_rate": 1e-9}]}
    write_design(design, still)
    second = trained(
        design, cohort / "sheet.tsv", tmp_path / "out", "second", start=str(first / "first.yaml")
    )
    for name, value in weights(first).items():
        torch.testing.assert_close(weights(second)[name], value, atol=1e-6, rtol=0)


def changed_sheet(cohort, tmp_path, change):
    rows = rows_of(cohort)
    change(rows)
    return write_sheet(tmp_path / "changed.tsv", rows)


def test_the_same_pixels_in_two_splits_are_refused_under_another_name_type_and_orientation(
    cohort, design, tmp_path
):
    image, labels = blobs(0)
    turned = ((0, 0, -1, 40), (0, 1, 0, -20), (-1, 0, 0, 5 + image.shape[0] - 1), (0, 0, 0, 1))
    copy = [
        store(tmp_path, "copy", image[::-1].astype(np.float32), affine=turned),
        store(tmp_path, "copy-labels", labels[::-1], labels=True, affine=turned),
    ]
    sheet = changed_sheet(
        cohort, tmp_path, lambda rows: rows.append(["copy", *copy, "1", "p9", "validation"])
    )
    with pytest.raises(ConfigError, match=r"TRAIN-LEAK .*s0 \(train\) and copy \(validation\)"):
        trained(design, sheet, tmp_path / "out")


def test_every_sample_at_fault_is_named_at_once(cohort, design, tmp_path):
    image, labels = blobs(7)
    labels[3, 3, 3] = 7
    odd = [store(tmp_path, "odd", image), store(tmp_path, "odd-labels", labels, labels=True)]
    rows = rows_of(cohort)
    rows[0][2] = rows[0][1].replace("s0", "gone")
    rows[1][2] = rows[1][1].replace("s1", "s2")
    rows.append(["odd", *odd, "1", "p9", "train"])
    sheet = write_sheet(tmp_path / "changed.tsv", rows)
    with pytest.raises(ConfigError) as caught:
        trained(design, sheet, tmp_path / "out")
    line = caught.value.line
    assert "3 of 5 samples" in line
    for word in ("s0: STORE-UNCOMMITTED", "s1: TRAIN-PAIR", "odd: TRAIN-LABEL", "numbers 7"):
        assert word in line


def test_classes_that_no_sample_has_and_patches_that_do_not_fit_are_named_at_once(cohort, tmp_path):
    labels = [*read_labels(), {"value": 3, "name": "rare", "color": [3, 3, 3]}]
    arguments = {"channels": 4, "classes": 4, "dilations": [1, 2], "activation": "relu"}
    stage = {"sampling": "anywhere", "patch": [16, 40, 16], "steps": 2, "learning_rate": 0.01}
    design = write_design(
        tmp_path / "tiny.yaml",
        {"stages": [stage], "loss": {"class_weights": [1.0] * 4}},
        output={"labels": labels},
        network={"name": "meshnet", "arguments": arguments},
    )
    with pytest.raises(ConfigError) as caught:
        trained(design, cohort / "sheet.tsv", tmp_path / "out")
    line = caught.value.line
    assert "label 3, rare" in line
    assert "16 x 40 x 16 is larger than s0, 32 x 34 x 33" in line
    assert "larger than s1" in line


def read_labels():
    from tests.training.conftest import DESIGN

    return DESIGN["output"]["labels"]


def test_a_step_that_does_not_fit_the_memory_is_refused_before_it_runs(cohort, tmp_path):
    stage = {"sampling": "whole-volume", "steps": 1, "learning_rate": 0.01}
    design = write_design(tmp_path / "tiny.yaml", {"stages": [stage]})
    with pytest.raises(MemoryPromiseError, match="checkpointing"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", memory="400M")


def test_voxels_that_nobody_looked_at_change_nothing(cohort, tmp_path):
    """Two truths that differ only where nobody looked give the same weights; where someone did, others."""
    design = write_design(tmp_path / "tiny.yaml")
    found = []
    for name, value, inside in (("a", 1, 255), ("b", 2, 255), ("c", 1, 1), ("d", 2, 2)):
        rows = rows_of(cohort)
        for n in (0, 1):
            _, labels = blobs(n)
            labels[:, :16] = np.where(labels[:, :16] == value, inside, labels[:, :16])
            labels[:, :16][labels[:, :16] != inside] = inside
            rows[n][2] = store(tmp_path, f"{name}{n}", labels, labels=True)
        folder = trained(design, write_sheet(tmp_path / f"{name}.tsv", rows), tmp_path / "out", name)
        found.append(weights(folder)["head.weight"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[2], found[3])


def test_folds_divide_patients_and_leave_the_test_alone(cohort, tmp_path):
    design = write_design(tmp_path / "tiny.yaml", {"folds": 3})
    seen = []
    for fold in (1, 2, 3):
        folder = trained(design, cohort / "sheet.tsv", tmp_path / "out", f"fold{fold}", fold=fold)
        samples = json.loads((folder / "training.json").read_text())["samples"]
        assert samples["s3"]["split"] == "test"
        seen += [name for name, facts in samples.items() if facts["split"] == "validation"]
    assert sorted(seen) == ["s0", "s1", "s2"]
    with pytest.raises(ConfigError, match="TRAIN-FOLD"):
        trained(design, cohort / "sheet.tsv", tmp_path / "out", "fold4", fold=4)


def test_validation_is_what_predict_gives(cohort, design, tmp_path):
    from medscience.steps.predict import predict
    from medscience.store.images import open_image

    folder = trained(design, cohort / "sheet.tsv", tmp_path / "out")
    predict(cohort / "s2.ome.zarr", str(folder / "new.yaml"), tmp_path / "p.ome.zarr", precision="float32")
    everything = (slice(None),) * 3
    found = open_image(tmp_path / "p.ome.zarr").image.read(everything)
    truth = open_image(cohort / "s2-labels.ome.zarr").image.read(everything)
    for line in (folder / "samples.tsv").read_text().splitlines()[1:]:
        sample, _, label, _, dice, _, _ = line.split("\t")
        if sample == "s2":
            a, b = found == int(label), truth == int(label)
            assert float(dice) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-5)


def test_an_image_on_another_grid_is_brought_onto_the_networks(cohort, tmp_path):
    """Images of 2 mm for a network of 1 mm: labels follow by the nearest voxel."""
    from medscience.config.pairs import Pair
    from medscience.description import read_design
    from medscience.training.chunks import Chunks
    from medscience.training.examples import open_examples

    image, labels = blobs(5, (20, 18, 16))
    wide = ((0, 0, -2, 40), (0, 2, 0, -20), (2, 0, 0, 5), (0, 0, 0, 1))
    paths = [
        store(tmp_path, "w", image, affine=wide),
        store(tmp_path, "w-labels", labels, labels=True, affine=wide),
    ]
    design = read_design(write_design(tmp_path / "tiny.yaml"))
    (example,) = open_examples("s", [Pair("w", *paths, "p", "train")], design, Chunks(1 << 20), 0)
    everything = (slice(None),) * 3
    seen, truth = example.seen.read(everything), example.truth.read(everything)
    assert seen.shape == truth.shape == example.shape
    assert seen[truth == 2].mean() > seen[truth == 1].mean() > seen[truth == 0].mean()
    inside = truth[truth != 255]
    assert_array_equal(np.unique(inside), [0, 1, 2])
    assert (inside > 0).mean() == pytest.approx((labels > 0).mean(), abs=0.03)
