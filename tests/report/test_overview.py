from types import SimpleNamespace

from medscience.measure.regions import Region
from medscience.report.effort import efforts, total_seconds
from medscience.report.overview import COLUMNS, main_labels
from medscience.report.results import Run


def result(sample="a", model="net", image="i", seconds=1.0, **volumes):
    """Only what the overview and the efforts look at."""
    regions = [Region(n, name, 1, volume) for n, (name, volume) in enumerate(volumes.items(), start=1)]
    runs = tuple(
        Run(
            step,
            image,
            {},
            {},
            {},
            seconds,
            100,
            None,
            (),
            {"promised_bytes": 200} if step == "predict" else {},
        )
        for step in ("ingest", "predict")
    )
    measurements = tuple(SimpleNamespace(region=region) for region in regions)
    return SimpleNamespace(
        sample=SimpleNamespace(name=sample), model=model, measurements=measurements, runs=runs
    )


def test_labels_that_most_results_have_come_first_and_of_these_the_largest():
    found = main_labels([result(White=5.0, Grey=7.0, Own=99.0), result("b", White=6.0, Grey=9.0)])
    assert found == ("Grey", "White", "Own")


def test_a_model_with_104_labels_does_not_fill_the_table():
    assert len(main_labels([result(**{f"label{n}": float(n) for n in range(104)})])) == COLUMNS


def test_an_image_that_two_models_share_is_ingested_once():
    found = {(e.step, e.model): e for e in efforts([result(), result(model="other"), result("b", image="j")])}
    assert found["ingest", None].runs == 2
    assert found["predict", "net"].runs == 2
    assert found["predict", "other"].promised_bytes == 200
    assert total_seconds([result(), result(model="other")]) == 3.0


def test_what_no_run_says_is_not_known():
    (ingest, _) = efforts([result(seconds=None)])
    assert (ingest.median_seconds, ingest.total_seconds) == (None, None)
