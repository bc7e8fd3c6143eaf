"""Public data sets, made in the shape in which they are unpacked: sheets, and every fault at once."""

import json
from pathlib import Path

import numpy as np
import pytest

from medscience.config.sheet import read_sheet
from medscience.errors import ConfigError
from medscience.ingest.formats import open_source
from medscience.steps.cohort import ircadb, lits, msd
from medscience.testing.phantoms import orientations
from tests.ingest.dicom_files import picture, places
from tests.ingest.dicom_files import write as write_files


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def sheet(capsys, tmp_path):
    """The samples of what was printed."""
    path = tmp_path / "sheet.tsv"
    path.write_text(capsys.readouterr().out)
    return {sample.name: sample for sample in read_sheet(path)}


def refused(call, folder, **options):
    with pytest.raises(ConfigError) as caught:
        call(folder, **options)
    return caught.value


def test_lits_in_its_batches_becomes_a_sheet(tmp_path, capsys):
    data = tmp_path / "LiTS"
    touch(data / "Training Batch 1", "volume-0.nii", "segmentation-0.nii", "readme.txt")
    touch(data / "Training Batch 2", "volume-28.nii", "segmentation-28.nii", "volume-130.nii.gz")
    touch(data / "other", "segmentation-130.nii", "test-volume-3.nii")
    lits(data)
    found = sheet(capsys, tmp_path)
    assert list(found) == ["lits-000", "lits-028", "lits-130", "lits-test-003"]
    assert found["lits-028"].source == str(data / "Training Batch 2/volume-28.nii")
    assert found["lits-130"].reference == str(data / "other/segmentation-130.nii")
    assert (found["lits-test-003"].reference, found["lits-test-003"].split) == (None, "test")
    assert {sample.track for sample in found.values()} == {"liver_ct"}


def test_every_fault_of_lits_is_said_at_once(tmp_path, capsys):
    touch(
        tmp_path,
        "volume-1.nii",
        "segmentation-2.nii",
        "a/volume-3.nii",
        "b/volume-3.nii",
        "segmentation-3.nii",
    )
    (tmp_path / "segmentation-4.nii").touch()
    fault = refused(lits, tmp_path)
    assert (fault.code, fault.field) == ("COHORT-LAYOUT", "5 faults")
    for word in (
        "volume-1 without segmentation-1",
        "segmentation-2 without volume-2",
        "volume-3 is there 2 times",
        "segmentation-4.nii is empty",
        "segmentation-4 without volume-4",
    ):
        assert word in fault.found
    assert capsys.readouterr().out == ""
    assert "nothing of it" in refused(lits, tmp_path / "nowhere").found


def task(folder, **changes):
    told = {
        "name": "Liver",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "numTraining": 2,
        "numTest": 1,
        "training": [
            {"image": f"./imagesTr/liver_{n}.nii.gz", "label": f"./labelsTr/liver_{n}.nii.gz"}
            for n in (0, 10)
        ],
        "test": ["./imagesTs/liver_132.nii.gz"],
    } | changes
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(told))
    touch(folder, *(f"{kind}Tr/liver_{n}.nii.gz" for kind in ("images", "labels") for n in (0, 10)))
    touch(folder, "imagesTs/liver_132.nii.gz", "imagesTr/._liver_0.nii.gz")
    return folder


def test_the_decathlons_list_becomes_a_sheet(tmp_path, capsys):
    data = task(tmp_path / "Task03_Liver")
    msd(data)
    found = sheet(capsys, tmp_path)
    assert list(found) == ["liver_0", "liver_10", "liver_132"]
    assert found["liver_10"].reference == str(data / "labelsTr/liver_10.nii.gz")
    assert (found["liver_132"].reference, found["liver_132"].split) == (None, "test")


def test_every_fault_of_the_decathlons_list_is_said_at_once(tmp_path):
    entries = [
        {"image": "imagesTr/liver_0.nii.gz", "label": "../elsewhere.nii.gz"},
        {"image": "imagesTr/liver_0.nii.gz", "label": "labelsTr/liver_77.nii.gz"},
        {"image": "imagesTr/liver_10.nii.gz"},
    ]
    labels = {"0": "background", "1": "spleen", "2": "cancer"}
    data = task(tmp_path / "t", training=entries, labels=labels, modality={"0": "MRI"}, test=[7])
    fault = refused(msd, data)
    for word in ("spleen", "MRI", "leads out", "liver_77.nii.gz is missing", "liver_0 is listed twice"):
        assert word in fault.found
    for word in ("without image and label", "numTraining is 2, but training has 3", "no path"):
        assert word in fault.found


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "[" * 100000, '{"training": 3}'])
def test_a_list_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text, "latin-1")
    assert refused(msd, tmp_path).code in ("COHORT-LIST", "COHORT-LAYOUT")
    assert refused(msd, tmp_path / "nowhere").code == "COHORT-LIST"


GRID = next(grid for grid in orientations((6, 9, 11)) if grid.orientation == "SPL")


def write_series(volume, folder, **tags):
    plane, positions = places(GRID)
    write_files(
        [
            picture(values, ImagePositionPatient=position, **plane, **tags)
            for values, position in zip(volume, positions, strict=True)
        ],
        folder,
        name="image_{}",
    )


def patient(root, number, *, nested=False, tumours=("livertumor01", "livertumor02")):
    """A patient in the shape of 3DIRCADb, and its labels."""
    place = root / f"3Dircadb1.{number}"
    scan, masks = (place / name / (name if nested else "") for name in ("PATIENT_DICOM", "MASKS_DICOM"))
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:5, 2:8, 2:9] = 1
    write_series(np.random.default_rng(number).integers(-500, 500, GRID.shape, np.int16), scan)
    write_series(np.where(labels > 0, 255, 0).astype(np.uint8), masks / "liver")
    write_series(np.where(labels > 0, 0, 255).astype(np.uint8), masks / "venoussystem")
    for n, name in enumerate(tumours):
        spot = np.zeros(GRID.shape, np.uint8)
        spot[2, 3 + 2 * n, 4:6] = 255
        write_series(spot, masks / name)
        labels[spot > 0] = 2
    return labels


@pytest.mark.parametrize("nested", [False, True])
def test_the_masks_of_a_patient_become_labels_on_the_scans_grid(tmp_path, capsys, nested):
    data = tmp_path / "3Dircadb1"
    truths = {f"ircadb-{n:02}": patient(data, n, nested=nested) for n in (2, 10)}
    ircadb(data, references=tmp_path / "labels")
    found = sheet(capsys, tmp_path)
    assert list(found) == ["ircadb-02", "ircadb-10"]
    for name, sample in found.items():
        scan, labels = open_source(Path(sample.source)), open_source(Path(sample.reference))
        assert labels.meaning.geometry.close_to(scan.meaning.geometry)
        assert np.array_equal(np.concatenate(list(labels.slabs(9))), truths[name])


def test_every_fault_of_ircadb_is_said_at_once(tmp_path, capsys):
    patient(tmp_path, 1)
    patient(tmp_path, 2, tumours=())
    (tmp_path / "3Dircadb1.3").mkdir()
    touch(tmp_path, "3Dircadb1.3/MASKS_DICOM.zip", "3Dircadb1.3/PATIENT_DICOM.zip")
    fault = refused(ircadb, tmp_path, references=tmp_path / "labels")
    assert fault.field == "2 faults"
    assert "MASKS_DICOM.zip is there: unpack it" in fault.found
    assert "PATIENT_DICOM.zip is there: unpack it" in fault.found
    assert not (tmp_path / "labels").exists()
    assert "nothing of it" in refused(ircadb, tmp_path / "labels", references=tmp_path).found


def test_masks_that_do_not_fit_are_named_with_their_patient(tmp_path):
    patient(tmp_path, 1)
    patient(tmp_path, 2)
    write_series(np.zeros(GRID.shape, np.uint8), tmp_path / "3Dircadb1.1/MASKS_DICOM/livertumor03")
    short = tmp_path / "3Dircadb1.2/MASKS_DICOM/livertumor01"
    (short / "image_0").unlink()
    fault = refused(ircadb, tmp_path, references=tmp_path / "labels")
    assert fault.field == "2 faults"
    for word in ("ircadb-01: COHORT-MASK-VALUES", "ircadb-02: COHORT-MASK-GRID", "livertumor03"):
        assert word in fault.found
