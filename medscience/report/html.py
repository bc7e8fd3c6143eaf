"""The report as one page that needs no network, and its numbers as a table."""

import base64
import gzip
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import resources
from pathlib import Path

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medscience.errors import one_line
from medscience.report import payload
from medscience.report.collect import CohortReport
from medscience.report.distribution import Group, groups
from medscience.report.effort import efforts, peak_memory_bytes, total_seconds
from medscience.report.overview import main_labels, rows
from medscience.report.policy import content_security_policy
from medscience.report.recipe import breath_commands, cohort_command, commands, strike_commands, versions
from medscience.report.results import Result
from medscience.report.strip import dot_size, dots
from medscience.store.files import replaced

NOTHING = "\N{EN DASH}"
"""What a cell without a value shows."""
FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet would run."""
SCRIPTS = ("dom", "theme", "table", "volume", "outlines", "slices", "regions", "view3d", "start")
"""The parts of the page's script, in the order in which they are put together."""
NIIVUE = "niivue/niivue-0.69.0.umd.js.gz"
"""The 3D viewer, as it is carried by the page."""


def write_report(report: CohortReport, dest: Path) -> None:
    """Write the page, and the measurements of all results beside it as tab-separated text.

    Notes of struck pans have columns of their own and a file of their own, ``NAME_notes.tsv``; so have the
    lesions of livers, ``NAME_lesions.tsv``, and their cases, ``NAME_livers.tsv``.

    Each file is replaced at once: a reader sees the old one or the new one.

    Parameters
    ----------
    report : CohortReport
        What `medscience.report.collect.collect` gathered.
    dest : Path
        The page, ``NAME.html``; the table is ``NAME.tsv``.
    """
    files = {
        dest: page(report, dest.with_suffix(".tsv").name),
        dest.with_suffix(".tsv"): _text(report.measurements),
    }
    beside = {"steelpan": {"notes": report.notes}}
    beside["liver_ct"] = {"lesions": report.lesions, "livers": report.livers}
    for track in report.tracks & beside.keys():
        for name, rows_of_track in beside[track].items():
            files[dest.with_name(f"{dest.stem}_{name}.tsv")] = _text(rows_of_track)
    for path, text in files.items():
        with replaced(path) as temporary:
            temporary.write_bytes(text.encode("utf-8", "replace"))


def page(report: CohortReport, table: str) -> str:
    """Return the page.

    Parameters
    ----------
    table : str
        Name of the file beside it that holds every measurement.
    """
    style, script = _own("page/page.css"), "\n".join(_own(f"page/{name}.js") for name in SCRIPTS)
    niivue = resources.files("medscience.report").joinpath(NIIVUE).read_bytes()
    found = list(groups(report.results))
    numbers = {id(result): n for n, group in enumerate(found) for result in group.results}
    efforts_made = list(efforts(report.all_results))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            table=table,
            notes_table=f"{Path(table).stem}_notes.tsv",
            lesions_table=f"{Path(table).stem}_lesions.tsv",
            livers_table=f"{Path(table).stem}_livers.tsv",
            policy=content_security_policy([script, gzip.decompress(niivue).decode()], [style]),
            # the page's own files, without a word of a user's
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            niivue=base64.b64encode(niivue).decode("ascii"),
            labels=main_labels(report.results),
            rows=list(rows(report)),
            groups=found,
            compared_groups=[(n, group) for n, group in enumerate(found) if len(group.results) > 1],
            efforts=efforts_made,
            seconds=total_seconds(report.all_results),
            peak=peak_memory_bytes(report.all_results),
            versions=versions(report.all_results),
            cohort_command=cohort_command(report.config),
            commands=partial(commands, settings=report.settings),
            strike_commands=partial(strike_commands, settings=report.settings),
            breath_commands=partial(breath_commands, settings=report.settings),
            data_of=lambda result: _data(result, found[numbers[id(result)]], numbers[id(result)]),
            cohort_data=payload.block("cohort", payload.cohort_data(found)),
            images=_images(report),
        )
    )


def _data(result: Result, group: Group, number: int) -> Markup:
    return payload.block(f"data-{payload.result_id(result)}", payload.result_data(result, group, number))


def _images(report: CohortReport) -> list[Markup]:
    """Return the block of every image once, however many models saw it."""
    previews = {payload.image_id(result): result.pictures.image for result in report.results}
    return [payload.block(name, payload.preview_data(preview)) for name, preview in previews.items()]


def _own(name: str) -> str:
    return resources.files("medscience.report").joinpath(name).read_text("utf-8")


def _environment() -> Environment:
    """Return what renders the page: everything is escaped, and a misspelt name is an error."""
    environment = Environment(
        loader=PackageLoader("medscience", "report/page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "data_uri": _data_uri,
        "decimals": _decimals,
        "dot_size": dot_size,
        "dots": dots,
        "duration": _duration,
        "interval": _interval,
        "gigabytes": _gigabytes,
        "id": payload.result_id,
        "distance": _distance,
        "line": one_line,
        "millilitres": _millilitres,
        "short": _short,
    }
    return environment


def _data_uri(picture: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(picture).decode('ascii')}"


def _millilitres(volume_mm3: float | None) -> str:
    """Return a volume in mL; what is there never reads as nothing.

    >>> [_millilitres(volume) for volume in (0.0, 8.0, 123456.0)]
    ['0.0', '<0.1', '123.5']
    """
    if volume_mm3 is None:
        return NOTHING
    return "<0.1" if 0 < volume_mm3 < 50 else _decimals(volume_mm3 / 1000)


def _distance(name: str) -> str:
    """Return what a column of distances between surfaces is.

    >>> _distance("liver_hd95_mm")
    'surfaces of the liver with tumours, 95th percentile (mm)'
    """
    part, number, _ = name.split("_")
    whose = {"liver": "the liver with tumours", "tumour": "tumours"}[part]
    what = {"assd": "average", "rmsd": "root mean square", "hd95": "95th percentile", "msd": "maximum"}
    return f"surfaces of {whose}, {what[number]} (mm)"


def _decimals(value: float | None, places: int = 1) -> str:
    """Return a rounded number without a minus zero, or a dash for no number.

    >>> [_decimals(value) for value in (-0.01, 1234.56)]
    ['0.0', '1234.6']
    """
    return NOTHING if value is None else f"{round(value, places) + 0.0:.{places}f}"


def _duration(seconds: float | None) -> str:
    """Return a time as people say it.

    >>> [_duration(seconds) for seconds in (0.24, 75.0, 7500.0)]
    ['0.2 s', '1 min 15 s', '2 h 05 min']
    """
    if seconds is None:
        return NOTHING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _interval(note: Mapping[str, object], name: str, scale: float = 1.0, places: int = 1) -> str:
    """Return a number with the half width of its interval, or a dash.

    >>> _interval({"onset_s": 0.0123, "onset_s_low": 0.0121, "onset_s_high": 0.0125}, "onset_s", 1e3)
    '12.3 ± 0.2'
    """
    value, high = note[name], note[f"{name}_high"]
    if not isinstance(value, float) or not isinstance(high, float):
        return NOTHING
    return f"{_decimals(value * scale, places)} ± {_decimals((high - value) * scale, places)}"


def _gigabytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / 1e9:.2f}"


def _short(code: str) -> str:
    """Return the part of a flag's code that tells it from others.

    >>> _short("QUALITY-VOLUME")
    'volume'
    """
    return code.removeprefix("QUALITY-").lower()


def _text(table: pa.Table) -> str:
    return "".join(f"{line}\n" for line in _lines(table))


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
