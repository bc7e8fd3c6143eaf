from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medscience.config.yaml import LARGEST_FILE, Strict, read_yaml
from medscience.errors import ConfigError


class Part(Strict):
    size: float = 1.0


class Example(Strict):
    name: str = "none"
    count: int = 0
    threshold: float = 0.5
    words: tuple[str, ...] = ()
    part: Part = Part()
    anything: dict[str, str] | None = None


@pytest.fixture
def read(tmp_path):
    def write_and_read(content):
        path = tmp_path / "example.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_yaml(path, Example)

    return write_and_read


def test_plain_yaml_becomes_settings(read):
    found = read("name: a\ncount: 3\nthreshold: 1.5\nwords: [x, 'y']\npart: {size: 2}\n")
    assert found == Example(name="a", count=3, threshold=1.5, words=("x", "y"), part=Part(size=2))


def test_a_byte_order_mark_and_windows_lines_are_accepted(read):
    assert read(b"\xef\xbb\xbfname: a\r\ncount: 1\r\n") == Example(name="a", count=1)


@given(
    settings=st.builds(
        Example,
        name=st.text(st.characters(categories=["L", "N", "P", "Zs"])),
        count=st.integers(-(10**17), 10**17),
        threshold=st.floats(allow_nan=False, allow_infinity=False),
        words=st.lists(st.text(st.characters(categories=["L", "N", "P"]))).map(tuple),
    )
)
def test_settings_that_were_written_are_read_back(tmp_path_factory, settings):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml.safe_dump(settings.model_dump(mode="json")), "utf-8")
    assert read_yaml(path, Example) == settings


@given(text=st.text(st.sampled_from("abc:-[]{}&*!?|>'\"%@`#, \n0.1e+_~=<"), max_size=40))
def test_whatever_a_file_holds_it_is_read_or_refused_with_a_typed_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, "utf-8")
    with suppress(ConfigError):
        assert isinstance(read_yaml(path, Example), Example)


# What is refused


def test_an_alias_is_refused(read):
    with pytest.raises(ConfigError, match="an alias in line 2"):
        read("name: &a x\nwords: [*a]")


def test_a_bomb_of_aliases_is_refused_at_its_first_one(read):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for one, next_one in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{next_one}: &{next_one} [{','.join([f'*{one}'] * 9)}]")
    with pytest.raises(ConfigError, match="an alias in line 2"):
        read("\n".join(lines))


def test_an_alias_to_itself_is_refused(read):
    with pytest.raises(ConfigError, match="an alias"):
        read("anything: &a {b: *a}")


@pytest.mark.parametrize(
    "text",
    ["name: a\nname: b", "name: a\n'name': b", "part: {size: 1, size: 2}", "count: 1\ncount: 1"],
)
def test_a_key_that_stands_twice_is_refused(read, text):
    with pytest.raises(ConfigError, match="twice in line"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['touch x']",
        "!!python/object:medscience.config.yaml.Strict {}",
        "name: !!python/name:os.system",
        "name: !!python/module:os",
        "name: !include other.yaml",
        "words: !!set {b, a}",
        "count: !!int abc",
        "count: !!bool abc",
        "name: !!timestamp abc",
        "name: !!binary eA==",
    ],
)
def test_a_tag_is_refused_and_nothing_is_executed(read, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"the tag tag:yaml.org|the tag !include"):
        read(text)
    assert not (tmp_path / "x").exists()


def test_a_template_key_is_refused_as_unknown(read):
    with pytest.raises(ConfigError, match="__use_yte__: Extra inputs"):
        read("__use_yte__: true\n?exec('raise SystemExit'): 1\nname: a")


@pytest.mark.parametrize(
    "key, meant",
    [("treshold", "threshold"), ("naem", "name"), ("Count", "count"), ("word", "words")],
)
def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(read, key, meant):
    with pytest.raises(ConfigError, match=f"{key}: Extra inputs .*did you mean '{meant}'"):
        read(f"{key}: 1")


def test_an_unknown_key_that_resembles_none_gets_no_hint(read):
    with pytest.raises(ConfigError) as caught:
        read("zzz: 1")
    assert "did you mean" not in str(caught.value)


def test_every_fault_is_named_at_once(read):
    with pytest.raises(ConfigError, match="3 settings") as caught:
        read("count: many\nthreshold: .nan\npart: {size: big}")
    assert all(f"{key}: Input" in str(caught.value) for key in ("count", "threshold", "part.size"))


@pytest.mark.parametrize(
    "value",
    ["no", "Yes", "on", "OFF", "12:30", "12:30:45.5", "012", "0x1F", "0b11", "1_000", "2024-01-01"],
)
@pytest.mark.parametrize("key", ["name", "count", "threshold"])
def test_what_versions_of_yaml_read_differently_is_refused_in_any_field(read, key, value):
    with pytest.raises(ConfigError, match=r"programs read differently.* in line 2"):
        read(f"words: []\n{key}: {value}")


@pytest.mark.parametrize("value", ["no", "12:30", "012", "2024-01-01", "1.10", "true", "~"])
def test_the_same_in_quotes_is_text_to_the_letter(read, value):
    assert read(f"name: '{value}'").name == value


@pytest.mark.parametrize("value", ["true", "1.10", "7", "~", "[a]", "{a: b}", ".5", "-3"])
def test_a_text_field_takes_nothing_but_text(read, value):
    with pytest.raises(ConfigError, match="name: Input should be a valid string"):
        read(f"name: {value}")


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1.0e+999"])
def test_a_number_is_finite(read, value):
    with pytest.raises(ConfigError, match="threshold: Input should be a finite number"):
        read(f"threshold: {value}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("count: 2024-13-45", id="a date that does not exist"),
        pytest.param("count: 0b_", id="a binary number without digits"),
        pytest.param("count: " + "1" * 5000, id="more digits than Python converts"),
        pytest.param("<<: {name: a}\nname: b", id="a merge"),
        pytest.param("name: =", id="a default value"),
        pytest.param("[" * 5000, id="nested too deeply, open"),
        pytest.param("[" * 5000 + "]" * 5000, id="nested too deeply, closed"),
        pytest.param("a: " * 500, id="nested mappings in a line"),
        pytest.param("? [1]\n: 2", id="a list as a key"),
        pytest.param("? {a: b}\n: 2", id="a mapping as a key"),
        pytest.param("name: 'open", id="an open quote"),
        pytest.param("name: a\n\tcount: 1", id="a tab"),
        pytest.param("name: a\n---\nname: b", id="two documents"),
        pytest.param("name: \x07", id="a control character"),
        pytest.param("name: a\x00", id="NUL"),
        pytest.param("%YAML 3.0\n---\nname: a", id="another version"),
        pytest.param(b"name: \xe9", id="Latin-1"),
        pytest.param("name: a".encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(read, text):
    with pytest.raises(ConfigError, match="CONFIG-YAML"):
        read(text)


@pytest.mark.parametrize("text", ["", "# nothing", "- a", "a", "3", "--- ~"])
def test_a_file_without_keys_is_refused(read, text):
    with pytest.raises(ConfigError, match="the file: Input should be a valid dictionary"):
        read(text)


@pytest.mark.parametrize("text", ["1: a", "~: a", "true: a", "1.5: a"])
def test_a_key_that_is_not_text_is_refused(read, text):
    with pytest.raises(ConfigError, match="Keys should be strings"):
        read(text)


def test_a_file_larger_than_a_mebibyte_is_refused_unread(read):
    with pytest.raises(ConfigError, match=f"found {LARGEST_FILE + 1} bytes"):
        read(b"#" * (LARGEST_FILE + 1))


def test_a_file_of_exactly_a_mebibyte_is_read(read):
    text = b"name: a\n"
    assert read(text + b"#" * (LARGEST_FILE - len(text))).name == "a"


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_yaml(tmp_path / "none.yaml", Example)
    with pytest.raises(ConfigError, match="IsADirectoryError"):
        read_yaml(tmp_path, Example)


def test_the_error_names_the_file(read, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read("naem: a")
    assert caught.value.file == str(tmp_path / "example.yaml")
