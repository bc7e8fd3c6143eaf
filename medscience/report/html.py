"""The report as a page that needs no network and runs nothing, and its numbers as a table."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined

from medscience.errors import one_line
from medscience.report.collect import CohortReport, ModelReport
from medscience.report.results import Measurement, Result
from medscience.store.files import replaced

NOTHING = "\N{EN DASH}"
"""What a cell without a value shows."""
FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet would run."""


def write_report(report: CohortReport, dest: Path) -> None:
    """Write the page, and the measurements of all results beside it as tab-separated text.

    Each file is replaced at once: a reader sees the old one or the new one.

    Parameters
    ----------
    report : CohortReport
        What `medscience.report.collect.collect` gathered.
    dest : Path
        The page, ``NAME.html``; the table is ``NAME.tsv``.
    """
    page = _environment().get_template("page.html.j2").render(report=report)
    lines = "".join(f"{line}\n" for line in _lines(report.measurements))
    for path, text in ((dest, page), (dest.with_suffix(".tsv"), lines)):
        with replaced(path) as temporary:
            temporary.write_bytes(text.encode("utf-8", "replace"))


def _environment() -> Environment:
    """Return what renders the page: everything is escaped, and a misspelt name is an error."""
    environment = Environment(
        loader=PackageLoader("medscience", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "by_label": _by_label,
        "columns": _columns,
        "data_uri": _data_uri,
        "decimals": _decimals,
        "gigabytes": _gigabytes,
        "millilitres": _millilitres,
    }
    return environment


def _columns(model: ModelReport) -> dict[int, str]:
    """Return the names of all labels that a model's results have, by number."""
    regions = [m.region for result in model.results for m in result.measurements]
    return {region.label: region.name for region in regions}


def _by_label(result: Result) -> dict[int, Measurement]:
    return {measurement.region.label: measurement for measurement in result.measurements}


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _millilitres(volume_mm3: float) -> str:
    """Return a volume in mL; what is there never reads as nothing.

    >>> [_millilitres(volume) for volume in (0.0, 8.0, 123456.0)]
    ['0.0', '<0.1', '123.5']
    """
    return "<0.1" if 0 < volume_mm3 < 50 else _decimals(volume_mm3 / 1000)


def _decimals(value: float | None, places: int = 1) -> str:
    """Return a rounded number without a minus zero, or a dash for no number.

    >>> [_decimals(value) for value in (-0.01, 1234.56)]
    ['0.0', '1234.6']
    """
    return NOTHING if value is None else f"{round(value, places) + 0.0:.{places}f}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f}"


def _lines(table: pa.Table) -> Iterator[str]:
    """Yield the header and the rows of a table, cells separated by tabs."""
    yield "\t".join(table.schema.names)
    for row in table.to_pylist():
        yield "\t".join(_cell(value) for value in row.values())


def _cell(value: object) -> str:
    """Return a cell of text that no spreadsheet takes for a formula.

    >>> [_cell(value) for value in ("=1+1", -2.5, None, True)]
    ["'=1+1", '-2.5', '', 'true']
    """
    if isinstance(value, str):
        text = one_line(value)
        return f"'{text}" if text.startswith(FORMULA) else text
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else repr(value)
