import pytest

from medscience.config.sheet import Sample
from medscience.report.failures import find_failure

SAMPLE = Sample(name="a", track="brain_mri", source="a.nii.gz")


def test_the_earliest_record_explains_a_missing_result(folder):
    folder.ingest("a")
    folder.fail("measure", "a", "MEASURE-LABEL  late", model="net")
    folder.fail("predict", "a", "MODEL-DIGEST  early", model="net")
    failure = find_failure(folder.results, "net", SAMPLE)
    assert (failure.step, failure.model) == ("predict", "net")
    assert failure.line == "MODEL-DIGEST  early"


@pytest.mark.parametrize(
    "steps, log",
    [
        ((), "logs/ingest/a.log"),
        (("ingest",), "logs/predict/net/a.log"),
        (("ingest", "segment"), "logs/measure/net/a.log"),
    ],
)
def test_a_killed_step_is_named_with_its_log(folder, steps, log):
    for step in steps:
        getattr(folder, step)("a")
    failure = find_failure(folder.results, "net", SAMPLE)
    assert failure.step == log.split("/")[1]
    assert "did not finish" in failure.line
    assert log in failure.line


def test_a_killed_reference_is_named_with_its_log(folder):
    folder.ingest("a")
    folder.segment("a")
    sample = SAMPLE.model_copy(update={"reference": "truth.nii.gz"})
    failure = find_failure(folder.results, "net", sample)
    assert (failure.step, failure.model) == ("reference", None)
    assert "logs/reference/a.log" in failure.line


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_an_unreadable_record_is_still_one_line(folder, content):
    folder.fail("predict", "a", "", model="net")
    (folder.results / "failed/predict/net/a.json").write_bytes(content)
    failure = find_failure(folder.results, "net", SAMPLE)
    assert "cannot be read" in failure.line
    assert failure.step == "predict"


def test_a_recorded_line_stays_one_line(folder):
    folder.fail("ingest", "a", "CODE  two\nlines \x1b[31m\ud800")
    assert find_failure(folder.results, "net", SAMPLE).line.isprintable()
