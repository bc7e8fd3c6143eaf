"""Every case of the catalogue of bad inputs has the outcome that `cases.yaml` lists for it."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from medscience.errors import MedscienceError

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))


@pytest.mark.parametrize("number", CASES)
def test_case(number, tmp_path):
    case = CASES[number]
    module, function = case["make"].split(".")
    attempt = getattr(import_module(f"tests.bad.{module}"), function)(tmp_path)
    if case["outcome"] == "refused":
        refused(attempt, case, tmp_path)
    elif case["outcome"] == "repaired":
        assert case["code"] in attempt()
    else:
        assert case["outcome"] == "accepted"
        assert attempt() == []


def refused(attempt, case, folder):
    """The error has its code, names file and field, and the attempt leaves nothing behind."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(MedscienceError) as caught:
        attempt()
    fault = caught.value
    assert fault.code == case["code"]
    assert fault.file
    assert fault.field
    assert fault.found
    assert fault.expected
    assert fault.fix
    for word in case.get("words", []):
        assert word in fault.line
    assert sorted(folder.rglob("*")) == before
