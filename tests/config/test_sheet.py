from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.config.sheet import LARGEST_SHEET, NAME, Sample, read_sheet
from medscience.errors import ConfigError
from medscience.testing.strategies import sample_names

HEADER = "sample\ttrack\tsource"


def row(sample="a", track="brain_mri", source="a.nii", *more):
    return "\t".join((sample, track, source, *more))


@pytest.fixture
def read(tmp_path):
    def write_and_read(*lines, header=HEADER, encoding="utf-8", end="\n"):
        path = tmp_path / "samples.tsv"
        path.write_bytes(end.join((header, *lines, "")).encode(encoding))
        return read_sheet(path)

    return write_and_read


def faults(read, *lines, **options):
    """The faults that a sheet is refused with."""
    with pytest.raises(ConfigError) as caught:
        read(*lines, **options)
    return caught.value.found.split("; ")


def test_a_sheet_gives_its_samples_in_its_order(read):
    assert read(row("b"), row("a", "liver_ct", "../scans/a")) == (
        Sample(name="b", track="brain_mri", source="a.nii"),
        Sample(name="a", track="liver_ct", source="../scans/a"),
    )


def test_columns_may_stand_in_any_order_and_optional_cells_may_be_empty(read):
    header = "sha256\tpatient\tsource\tsplit\ttrack\treference\tsample\tacquisition"
    digest = "0a" * 32
    first, second = read(
        f"{digest}\tp1\ta.nii\ttrain\tbrain_mri\tr.nii\ta\ta.yaml",
        "\t\tb.nii\t\tbrain_mri\t\tb\t",
        header=header,
    )
    assert (first.sha256, first.patient, first.split, first.reference, first.acquisition) == (
        digest,
        "p1",
        "train",
        "r.nii",
        "a.yaml",
    )
    assert (second.sha256, second.patient, second.split, second.reference, second.acquisition) == (None,) * 5


def test_answers_of_a_sheet_become_options_of_ingest(read):
    header = f"{HEADER}\tseries\tvolume\ton_tilt\ton_gap\taccept"
    first, second = read(
        row("a", "brain_mri", "a", "1.2.840.7", "2", "resample", "resample", "single-slice no-rescale"),
        row("b", "brain_mri", "b", "", "", "", "", ""),
        header=header,
    )
    assert first.options == [
        *("--series", "1.2.840.7", "--volume", "2", "--on-tilt", "resample", "--on-gap", "resample"),
        *("--accept", "single-slice", "--accept", "no-rescale"),
    ]
    assert second.options == []


def test_a_ct_of_the_liver_is_watched_for_other_units(read):
    (first,) = read(row("a", "liver_ct", "a", "2"), header=f"{HEADER}\tvolume")
    assert first.options == ["--hounsfield", "--volume", "2"]


@pytest.mark.parametrize(
    "column, cell",
    [
        *(("series", cell) for cell in ("-1", "3;rm", "one", "$(x)", "3 --labels")),
        *(("volume", cell) for cell in ("0", "-1", "two")),
        *(("on_tilt", "guess"), ("on_gap", "keep"), ("accept", "everything"), ("accept", "no-rescale;x")),
    ],
)
def test_answers_that_ingest_does_not_know_are_faults(column, cell, read):
    (fault,) = faults(read, row("a", "brain_mri", "a", cell), header=f"{HEADER}\t{column}")
    assert fault.startswith(f"line 2, {column}: {cell!r}")


@given(names=st.lists(sample_names(), unique_by=str.casefold, max_size=20))
def test_every_good_name_comes_back_as_it_was_written(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "names.tsv"
    path.write_text("\n".join([HEADER, *map(row, names)]), "utf-8")
    assert [sample.name for sample in read_sheet(path)] == names


@given(text=st.text(st.sampled_from('ab.\t\n\r"\0é\u2028\x0b\x1c,;'), max_size=60))
def test_whatever_a_sheet_holds_it_is_read_or_refused_with_a_typed_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    path.write_bytes(f"{HEADER}\n{text}".encode())
    with suppress(ConfigError):
        assert isinstance(read_sheet(path), tuple)


def test_blank_lines_and_a_missing_last_line_break_change_nothing(read):
    assert read("", row(), "\t\t", "") == read(row())


# What is refused; the catalogue's own cases are in tests/bad


def test_a_missing_sheet_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_sheet(tmp_path / "none.tsv")
    with pytest.raises(ConfigError, match="IsADirectoryError"):
        read_sheet(tmp_path)


@pytest.mark.parametrize("source", ["", " ", "s3://x/y", "file:///etc/passwd", "http://x"])
def test_a_source_that_is_no_path_is_refused(read, source):
    (fault,) = faults(read, row(source=source))
    assert fault.startswith("line 2, source: ")


def test_all_faults_of_all_rows_are_reported_at_once_with_their_lines(read):
    found = faults(
        read,
        row("good"),
        row("../x", "heart", ""),
        "",
        "too\tfew",
        row("GOOD"),
        row("b", "brain_mri", "x://y"),
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "line 3, sample",
        "line 3, track",
        "line 3, source",
        "line 5",
        "line 6, sample",
        "line 7, source",
    ]


def test_the_error_counts_the_faults_and_names_the_sheet(read, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(row("a b"), row("c d"))
    assert (caught.value.field, caught.value.code) == ("2 faults", "SHEET-INVALID")
    assert caught.value.file == str(tmp_path / "samples.tsv")


@pytest.mark.parametrize("name", ["\xc5", "A\u030a", "\xdf", "\u017f", "\u212a", "\uff11"])
def test_names_outside_ascii_are_refused_so_that_no_two_spellings_exist(read, name):
    (fault,) = faults(read, row(name))
    assert fault.startswith("line 2, sample: ")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../../x", id="out of the folder"),
        pytest.param("/etc/x", id="absolute"),
        pytest.param("a/b", id="a folder"),
        pytest.param("..", id="the folder above"),
        pytest.param("a.b", id="a dot"),
        pytest.param("x;touch PWN", id="a command"),
        pytest.param("$(touch x)", id="a substitution"),
        pytest.param("`x`", id="backquotes"),
        pytest.param("{x}", id="a wildcard"),
        pytest.param("a*", id="a pattern"),
        pytest.param("a'b", id="a quote"),
        pytest.param("a\\b", id="a backslash"),
        pytest.param("", id="empty"),
        pytest.param(" ", id="blank"),
        pytest.param("a ", id="a blank at the end"),
        pytest.param("-rf", id="an option"),
        pytest.param("_a", id="an underscore first"),
        pytest.param("a\x0b", id="a vertical tab"),
        pytest.param("a\x0c", id="a form feed"),
        pytest.param("a\x85", id="a next line"),
        pytest.param("a\u2028", id="a line separator"),
        pytest.param("a\x1c", id="a file separator"),
        pytest.param("a" * 65, id="too long"),
    ],
)
def test_a_name_that_is_unsafe_in_a_path_or_shell_is_refused(read, name):
    (fault,) = faults(read, row(name), row("b"))
    assert fault.startswith("line 2, sample: ")
    assert "64 at most" in fault


@pytest.mark.parametrize("cells", [{"sample": "a\n"}, {"sample": "a", "sha256": "0" * 64 + "\n"}])
def test_a_line_break_at_the_end_of_a_cell_is_refused(cells):
    from medscience.config.sheet import _cell_faults

    good = {"track": "brain_mri", "source": "a.nii"}
    assert len(list(_cell_faults(good | cells))) == 1


@pytest.mark.parametrize(
    "encoding, reason",
    [
        ("latin-1", "not UTF-8"),
        ("utf-16", "not UTF-8"),
        ("utf-16-le", "NUL"),
        ("utf-32-be", "NUL"),
    ],
)
def test_other_encodings_are_refused(read, encoding, reason):
    lines = (row(source="é.nii"),) if encoding == "latin-1" else (row(),)
    with pytest.raises(ConfigError, match=f"SHEET-UNREADABLE .*{reason}.*UTF-8"):
        read(*lines, encoding=encoding)


@pytest.mark.parametrize("separator", [";", ",", " "])
def test_other_separators_are_refused_as_one_column(read, separator):
    header = HEADER.replace("\t", separator)
    (fault,) = faults(read, header=header)
    assert fault == f"line 1: 1 column, separated by tabs, perhaps separated by {separator!r}"


def test_rows_with_too_few_or_too_many_cells_are_refused(read):
    assert faults(read, "a\tbrain_mri", row(), row() + "\tmore") == [
        "line 2: 2 cells under 3 columns",
        "line 4: 4 cells under 3 columns",
    ]


@pytest.mark.parametrize("name", ["Sample", " sample", "sample "])
def test_a_column_is_named_to_the_letter(read, name):
    assert f"line 1: unknown column {name!r}" in faults(read, header=f"{name}\ttrack\tsource")


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_sheet_is_refused(tmp_path, content):
    path = tmp_path / "samples.tsv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="line 1: 0 column"):
        read_sheet(path)


def test_a_sheet_without_samples_has_none(read):
    assert read() == ()


@pytest.mark.parametrize(
    "text, name",
    [("a\0b", "a NUL byte"), ("a\rb", "a bare CR"), ("\ra", "a bare CR"), ("a\r\r", "a bare CR")],
)
def test_nul_and_carriage_returns_alone_are_refused_with_their_line(read, text, name):
    with pytest.raises(ConfigError, match=f"SHEET-UNREADABLE .*{name} in line 3"):
        read(row(), row("b", source=text))


@pytest.mark.parametrize("source", ['"open', '"quoted"', '""'])
def test_a_quotation_mark_does_not_swallow_what_follows(read, source):
    (fault,) = faults(read, row("a", source=source), row("b"))
    assert fault.startswith("line 2, source: begins with a quotation mark")


def test_a_cell_longer_than_any_path_is_refused(read):
    with pytest.raises(ConfigError, match=r"SHEET-UNREADABLE .*field"):
        read(row(source="a" * 140_000))


def test_a_sheet_that_is_too_large_is_refused(read, monkeypatch):
    monkeypatch.setattr("medscience.config.sheet.LARGEST_SHEET", 100)
    assert LARGEST_SHEET > 100
    with pytest.raises(ConfigError, match="more than 100 bytes"):
        read(*(row(f"a{n}") for n in range(10)))


@pytest.mark.parametrize("sign", "\x07\x0b\x0c\x1c\x1b\x85\u2028")
@pytest.mark.parametrize("column", ["source", "reference", "patient", "split"])
def test_a_control_character_is_refused_and_ends_no_line(read, column, sign):
    cells = {"sample": "a", "track": "brain_mri", "source": "a.nii"} | {column: f"x{sign}y"}
    assert faults(read, "\t".join(cells.values()), header="\t".join(cells)) == [
        f"line 2, {column}: holds a control character"
    ]


@pytest.mark.parametrize("cell", [" a.nii", "a.nii ", " a b "])
def test_a_blank_that_a_spreadsheet_left_is_refused(read, cell):
    assert faults(read, row(source=cell)) == ["line 2, source: begins or ends with a blank"]


@pytest.mark.parametrize(
    "cell", ["a b.nii", "Ångström/頭.nii", "a\u00a0b.nii", "=1+1", "C:\\scans", "$HOME/x", "-"]
)
def test_a_path_is_taken_as_it_stands(read, cell):
    assert read(row(source=cell))[0].source == cell


@pytest.mark.parametrize("cell", ["~/a.nii", "~"])
def test_a_path_that_only_a_shell_understands_is_refused(read, cell):
    (fault,) = faults(read, row(source=cell))
    assert "only a shell" in fault


def test_a_reference_is_a_path_too(read):
    (fault,) = faults(read, row() + "\thttp://x", header=f"{HEADER}\treference")
    assert fault.startswith("line 2, reference: an address")


def test_samples_that_share_a_source_are_told_of(read, tmp_path, caplog):
    (tmp_path / "link").symlink_to(tmp_path / "scans")
    here = tmp_path / "scans/a.nii"
    read(
        row("a", source=str(here)),
        row("b", source=str(tmp_path / "scans/../scans/a.nii")),
        "",
        row("c", source=str(tmp_path / "scans/c.nii")),
        row("d", source=str(tmp_path / "link/a.nii")),
    )
    (record,) = caplog.records
    assert record.message.endswith("samples.tsv: lines 2, 3, 6 name the same source")


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 65, "A" * 64, "0" * 63 + "g", "sha256:" + "0" * 57])
def test_a_digest_that_is_none_is_refused(read, digest):
    (fault,) = faults(read, row() + f"\t{digest}", header=f"{HEADER}\tsha256")
    assert fault.startswith("line 2, sha256: ")


@pytest.mark.parametrize("track", ["", "Brain_MRI", "brain_mri ", "heart"])
def test_an_unknown_track_is_refused_with_those_that_there_are(read, track):
    (fault,) = faults(read, row(track=track))
    assert fault.startswith("line 2, track: ")
    assert "brain_mri, liver_ct, cbct4d, steelpan" in fault


def test_the_pattern_of_names_is_the_published_one():
    assert NAME == r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
