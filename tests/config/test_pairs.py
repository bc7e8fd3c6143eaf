from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.config.pairs import Pair, read_pairs, refuse_leaks
from medscience.errors import ConfigError

HEADER = "sample\timage\tlabels\tweight\tpatient\tsplit\n"


def sheet(folder, *rows, header=HEADER):
    path = folder / "training.tsv"
    path.write_text(header + "".join("\t".join(row) + "\n" for row in rows))
    return path


def pair(sample="a", patient="p", split="train"):
    return Pair(sample, Path("i.ome.zarr"), Path("l.ome.zarr"), patient, split)


def test_a_row_says_what_to_learn_from_and_how_often(tmp_path):
    path = sheet(tmp_path, ("a", "i.ome.zarr", "l.ome.zarr.commit.json", "2.5", "p1", "train"))
    assert read_pairs(path) == (
        Pair("a", Path("i.ome.zarr"), Path("l.ome.zarr.commit.json"), "p1", "train", 2.5),
    )


def test_weight_is_one_where_nothing_is_said(tmp_path):
    row = ("a", "i.ome.zarr", "l.ome.zarr", "", "p1", "test")
    assert read_pairs(sheet(tmp_path, row))[0].weight == 1


def test_every_fault_is_named_with_its_line(tmp_path):
    path = sheet(
        tmp_path,
        ("a/b", "i.nii", "l.ome.zarr", "0", " ", "training"),
        ("b", "i.ome.zarr", "i.ome.zarr", "nan", "p", "train"),
        ("b", "i.ome.zarr", "l.ome.zarr", "1_0", "p", "train"),
    )
    with pytest.raises(ConfigError) as caught:
        read_pairs(path)
    line = caught.value.line
    for fault in (
        "line 2, sample: 'a/b'",
        "line 2, image: 'i.nii'",
        "line 2, weight: '0'",
        "line 2, patient: is empty",
        "line 2, split: 'training'",
        "line 3, labels: is the image itself",
        "line 3, weight: 'nan'",
        "line 4, weight: '1_0'",
        "line 4, sample: 'b' stands in line 3 already",
    ):
        assert fault in line


def test_a_column_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="unknown column 'reference'"):
        read_pairs(sheet(tmp_path, header=HEADER.replace("weight", "reference")))


def test_a_patient_in_two_splits_is_a_leak():
    pairs = [pair("a", "p1"), pair("b", "p1", "validation"), pair("c", "p2", "test")]
    with pytest.raises(ConfigError, match=r"TRAIN-LEAK .*a \(train\) and b \(validation\)") as caught:
        refuse_leaks(Path("s.tsv"), pairs)
    assert "p1" not in caught.value.line  # who it is stands in the sheet alone


def test_the_same_pixels_in_two_splits_are_a_leak_whoever_they_are_said_to_be():
    pairs = [pair("a", "p1"), pair("b", "p2", "test"), pair("c", "p3")]
    with pytest.raises(ConfigError, match=r"same pixels: b \(test\) and c \(train\)"):
        refuse_leaks(Path("s.tsv"), pairs, ["1", "2", "2"])


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from(["train", "validation"])), max_size=6))
def test_there_is_a_leak_where_a_patient_has_two_splits_and_nowhere_else(drawn):
    pairs = [pair(f"s{n}", patient, split) for n, (patient, split) in enumerate(drawn)]
    leaks = any(a[0] == b[0] and a[1] != b[1] for a in drawn for b in drawn)
    if leaks:
        with pytest.raises(ConfigError):
            refuse_leaks(Path("s.tsv"), pairs)
    else:
        refuse_leaks(Path("s.tsv"), pairs)
