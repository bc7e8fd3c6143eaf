from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from medscience.config.sheet import Sample
from medscience.measure.regions import Region
from medscience.report.compare import Row, comparisons

VOLUMES = st.lists(st.none() | st.floats(0, 1e7), min_size=2).filter(lambda v: any(n is not None for n in v))


def sample(name):
    return Sample(name=name, track="brain_mri", source="x")


def result(name, model, **volumes):
    """Only what a comparison looks at."""
    regions = [Region(n, label, 1, volume) for n, (label, volume) in enumerate(volumes.items(), start=1)]
    measurements = tuple(SimpleNamespace(region=region) for region in regions)
    return SimpleNamespace(sample=sample(name), model=model, measurements=measurements)


def compare(*results, names="ab"):
    return list(comparisons([sample(name) for name in names], results))


def test_labels_of_the_same_name_stand_side_by_side_whatever_their_numbers():
    (found,) = compare(result("a", "one", White=10.0, Grey=5.0), result("a", "two", Grey=7.0, White=12.0))
    assert (found.sample, found.models) == ("a", ("one", "two"))
    assert found.rows == (Row("White", (10.0, 12.0)), Row("Grey", (5.0, 7.0)))


def test_what_only_one_model_has_is_left_out_and_so_is_a_model_that_shares_nothing():
    (found,) = compare(
        result("a", "one", White=10.0, CSF=3.0),
        result("a", "two", White=12.0, Grey=7.0),
        result("a", "three", Grey=8.0),
        result("a", "four", liver=1.0),
    )
    assert found.models == ("one", "two", "three")
    assert found.rows == (Row("White", (10.0, 12.0, None)), Row("Grey", (None, 7.0, 8.0)))


def test_samples_are_compared_one_by_one_in_the_sheets_order():
    results = [result(name, model, White=1.0) for model in ("one", "two") for name in "ba"]
    assert [found.sample for found in compare(*results)] == ["a", "b"]
    assert compare(result("a", "one", White=1.0), result("b", "two", White=1.0)) == []


def test_labels_of_one_name_in_one_model_count_as_one():
    twice = result("a", "one", White=10.0, white=1.0)
    for measurement in twice.measurements:
        object.__setattr__(measurement.region, "name", "White")
    (found,) = compare(twice, result("a", "two", White=9.0))
    assert found.rows == (Row("White", (11.0, 9.0)),)


def test_the_difference_is_in_percent_of_the_mean():
    assert Row("x", (90.0, 110.0)).difference_percent == 20
    assert Row("x", (0.0, 5.0)).difference_percent == 200
    assert Row("x", (0.0, 0.0)).difference_percent is None


@given(volumes=VOLUMES)
def test_the_difference_does_not_depend_on_the_order_of_the_models(volumes):
    there, back = (Row("x", tuple(order)).difference_percent for order in (volumes, volumes[::-1]))
    assert (there is None) == (not any(volumes))
    assert there is None or abs(there - back) < 1e-6 * (1 + there)
