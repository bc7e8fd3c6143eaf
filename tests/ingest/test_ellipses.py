"""Ellipses of people and networks: what is written comes back, and what is wrong is refused with its row."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.antinode import Antinode, Ellipse
from medscience.errors import InputError
from medscience.export.ellipses import write_labels, write_table
from medscience.ingest.ellipses import read_labels, read_table
from tests.test_antinode import AXIS

INSIDE = st.builds(Ellipse.of, st.floats(0, 511), st.floats(0, 383), AXIS, AXIS, st.floats(0, 179))
ANTINODES = st.lists(st.builds(Antinode, INSIDE, st.floats(0.1, 11)), max_size=5)
NAMES = st.from_regex(r"[a-z]{1,4}_[0-9]{3,5}\.png", fullmatch=True)


@given(antinodes=ANTINODES)
def test_labels_come_back_as_they_were_written(antinodes, tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "frame_7.csv"
    write_labels(antinodes, path)
    labels = read_labels(path)
    assert list(labels.frames) == ["frame_7"]
    assert labels.frames["frame_7"] == list(dict.fromkeys(antinodes))  # repeated rows are left out


@given(frames=st.dictionaries(NAMES, ANTINODES, max_size=4), line_end=st.sampled_from(["\n", "\r"]))
def test_tables_come_back_as_they_were_written_with_their_frames_without_antinodes(
    frames, line_end, tmp_path_factory
):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(frames, path, line_end)
    found = read_table(path).frames
    assert list(found) == list(frames)
    assert all(found[name] == list(dict.fromkeys(antinodes)) for name, antinodes in frames.items())


def read(tmp_path, text, reader=read_labels, **options):
    path = tmp_path / "strike_00001.csv"
    path.write_bytes(text.encode())
    return reader(path, **options)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_line_ends_of_every_system_are_the_same(tmp_path, end):
    text = end.join(["100,80,40,20,30,2.5", "300,200,60,50,0,1", ""])
    (found,) = read(tmp_path, text).frames.values()
    assert [antinode.rings for antinode in found] == [2.5, 1]


def test_published_predictions_are_read_with_rows_of_zeros_and_antinodes_cut_by_the_edge(tmp_path):
    """Two lines as SPNet wrote them; the centre of the second lies beyond the frame's last column."""
    text = "0,0,a_proc_00086.png,0,0,0,0\r517,339,a_proc_00087.png,0.632899761,105,68,175.5395689\r"
    labels = read(tmp_path, text, read_table)
    assert labels.repairs == []
    assert labels.frames["a_proc_00086.png"] == []
    (cut,) = labels.frames["a_proc_00087.png"]
    assert cut.ellipse == Ellipse(517, 339, 105, 68, 175.5395689)
    assert 0.4 < cut.ellipse.inside((384, 512)) < 0.6


def test_axes_in_the_other_order_are_the_same_ellipse(tmp_path):
    (found,) = read(tmp_path, "100,80,20,40,30,2.5\n").frames.values()
    assert found == [Antinode(Ellipse(100, 80, 40, 20, 120), 2.5)]


def test_repeated_rows_ellipses_without_rings_and_names_are_put_right_and_said(tmp_path):
    text = "100,80,s_1.bmp.png,2.5,40,20,30\n" * 2 + "100,80,s_2.bmp.png,0,40,20,30\n"
    labels = read(tmp_path, text, read_table)
    assert {name: len(found) for name, found in labels.frames.items()} == {"s_1.png": 1, "s_2.png": 0}
    assert [repair.code for repair in labels.repairs] == [
        "ELLIPSE-DUPLICATE",
        "ELLIPSE-NO-RINGS",
        "ELLIPSE-NAME",
    ]
    assert "the first is 2" in labels.repairs[0].before


@pytest.mark.parametrize(
    "text, code, row",
    [
        ("100,80,40,20,30,2\n1,2,3\n", "COLUMNS", 2),
        ("100;80;40;20;30;2\n", "COLUMNS", 1),
        ("100,80,40,20,30,nan\n", "NUMBER", 1),
        ("100,80,40,20,30,\n", "NUMBER", 1),
        ("100,80,40,20,30,1_0\n", "NUMBER", 1),
        ("100,80,inf,20,30,1\n", "NUMBER", 1),
        ("100,80,1e999,20,30,1\n", "NUMBER", 1),
        ("\n\n100,80,40,-20,30,2\n", "AXIS", 3),
        ("100,80,40,0,30,2\n", "AXIS", 1),
        ("100,80,40,20,30,-2\n", "RINGS", 1),
        ("900,80,40,20,30,2\n", "OUTSIDE", 1),
        ("cx,cy,a,b,angle,rings\n100,80,40,20,30,2\n", "HEADER", 1),
    ],
)
def test_rows_that_are_no_ellipses_are_refused_with_their_number(tmp_path, text, code, row):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.code == f"ELLIPSE-{code}"
    assert f"row {row}" in caught.value.field


@pytest.mark.parametrize("name", ["", "../s_1.png", "/s_1.png", "7"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="ELLIPSE-NAME"):
        read(tmp_path, f"100,80,{name},2.5,40,20,30\n", read_table)


@pytest.mark.parametrize("content", [b"\xff\xfe1\x00", b"1,2,\x00,4"])
def test_what_is_no_text_is_refused(tmp_path, content):
    path = tmp_path / "frame.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="ELLIPSE-TEXT"):
        read_labels(path)


CELLS = st.one_of(st.floats().map(repr), st.sampled_from(["0", "100", "1e-9", "a.png", '"', "", "nan"]))
TEXTS = st.lists(st.lists(CELLS, min_size=5, max_size=8).map(",".join), max_size=4).map("\r".join)


@given(content=st.one_of(st.binary(max_size=60), TEXTS.map(str.encode)))
def test_any_bytes_give_labels_or_one_clear_error(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("bytes") / "frame.csv"
    path.write_bytes(content)
    for reader in (read_labels, read_table):
        with suppress(InputError):
            assert isinstance(reader(path).frames, dict)
