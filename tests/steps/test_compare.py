"""Two models' tables, side by side."""

import pytest

from medscience.errors import MismatchError
from medscience.measure.regions import Region, table
from medscience.steps.compare import compare
from medscience.store.tables import write_table

LABELS = ("White Matter", "Grey Matter")


def tables(folder, better, samples=8, reference="r"):
    for n in range(samples):
        regions = [Region(label, name, 10, 10.0) for label, name in enumerate(LABELS, start=1)]
        dices = {1: (10, 0.7 + n / 100 + better), 2: (10, 0.5 + n / 100)}
        write_table(
            folder / f"s{n}.parquet",
            table(f"s{n}", folder.name, regions, dices),
            {"labels": "l", "image": "i", "reference": f"{reference}{n}"},
        )
    return folder


def test_a_difference_is_written_for_each_label_with_its_certainty(tmp_path, capsys):
    first, second = tables(tmp_path / "a", 0.0), tables(tmp_path / "b", 0.05)
    compare(first, second, tmp_path / "difference.tsv")
    header, white, grey = (
        line.split("\t") for line in (tmp_path / "difference.tsv").read_text().splitlines()
    )
    assert header[:5] == ["label", "samples", "first", "second", "difference"]
    assert (white[0], white[1], float(white[4])) == ("White Matter", "8", pytest.approx(0.05))
    assert float(white[7]) < 0.01
    assert float(white[8]) == pytest.approx(2 * float(white[7]), rel=0.02)
    assert (grey[0], float(grey[4]), float(grey[7])) == ("Grey Matter", 0, 1)
    assert capsys.readouterr().out.strip() == (tmp_path / "difference.tsv").read_text().strip()


def test_tables_of_other_references_are_not_compared(tmp_path):
    first, second = tables(tmp_path / "a", 0.0), tables(tmp_path / "b", 0.0, reference="other")
    with pytest.raises(MismatchError, match="COMPARE-SAMPLES"):
        compare(first, second, tmp_path / "difference.tsv")
    assert not (tmp_path / "difference.tsv").exists()
