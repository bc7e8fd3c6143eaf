"""Group H: sample sheet and settings."""

from functools import partial
from pathlib import Path

from medscience.config.settings import Settings, read_cohort
from medscience.config.sheet import read_sheet
from medscience.config.yaml import read_yaml
from medscience.steps.ingest import ingest
from tests.bad.nifti import scan
from tests.bad.warned import warned_of

HEADER = "sample\ttrack\tsource"
SETTINGS = "samples: samples.tsv\nmodels: {brain_mri: [tissue]}\n"


def reading(path):
    """Return an attempt that reads a sheet, and then gives the codes of what it was warned of."""

    return partial(warned_of, read_sheet, path)


def sheet(folder, *names, header=HEADER, encoding="utf-8", end="\n"):
    """Write a sheet of samples with sources of their own."""
    rows = [f"{name}\tbrain_mri\t{n}.nii" for n, name in enumerate(names)]
    return written(folder, end.join([header, *rows, ""]).encode(encoding))


def written(folder, content):
    path = folder / "samples.tsv"
    path.write_bytes(content)
    return reading(path)


def row(folder, cells):
    """Write a sheet of one row."""
    return written(folder, f"{HEADER}\n{cells}\n".encode())


def settings(folder, text):
    """Write settings; the attempt reads them as the workflow does before Snakemake."""
    path = folder / "config.yaml"
    path.write_text(SETTINGS + text, "utf-8")

    def attempt():
        read_yaml(path, Settings)
        return []

    return attempt


def no_sheet(folder):
    return reading(folder / "samples.tsv")


def a_folder(folder):
    (folder / "samples.tsv").mkdir()
    return reading(folder / "samples.tsv")


def source_missing(folder):
    """A fault of the source is its sample's, when that is ingested."""
    row(folder, "a\tbrain_mri\tno/such.nii")()
    return lambda: ingest(folder / "no/such.nii", folder / "a.ome.zarr")


def source_is_an_address(folder):
    return row(folder, "a\tbrain_mri\thttps://example.org/a.nii")


def twice(folder):
    return sheet(folder, "x", "y", "x")


def twice_but_for_case(folder):
    return sheet(folder, "Case", "cASE")


def twice_but_for_composition(folder):
    return sheet(folder, "\u00c5", "A\u030a")


def traversal(folder):
    return sheet(folder, "../../x")


def command(folder):
    return sheet(folder, "x;touch PWN")


def substitution(folder):
    return sheet(folder, "$(touch PWN)")


def empty(folder):
    return sheet(folder, "")


def option(folder):
    return sheet(folder, "-rf")


def numbers_and_nothing(folder):
    return sheet(folder, "001", "NA", "None", "1e5", "nan", "true")


def byte_order_mark(folder):
    return sheet(folder, "a", encoding="utf-8-sig")


def latin_1(folder):
    return written(folder, f"{HEADER}\na\tbrain_mri\té.nii\n".encode("latin-1"))


def utf_16(folder):
    return sheet(folder, "a", encoding="utf-16")


def semicolons(folder):
    return written(folder, b"sample;track;source\na;brain_mri;a.nii\n")


def ragged(folder):
    return row(folder, "a\tbrain_mri")


def column_twice(folder):
    return sheet(folder, header="sample\tsample\ttrack\tsource")


def nul(folder):
    return row(folder, "a\tbrain_mri\ta\0.nii")


def open_quote(folder):
    return row(folder, 'a\tbrain_mri\t"a.nii')


def old_mac(folder):
    return sheet(folder, "a", end="\r")


def windows(folder):
    return sheet(folder, "a", end="\r\n")


def misspelt(folder):
    return settings(folder, "treads: 2")


def key_twice(folder):
    return settings(folder, "threads: 2\nthreads: 3")


def octal(folder):
    return settings(folder, "threads: 012")


def norway(folder):
    return settings(folder, "precision: no")


def sexagesimal(folder):
    return settings(folder, "memory: 12:30")


def template(folder):
    return settings(folder, "__use_yte__: true\n?exec('raise SystemExit'): 1")


def python_object(folder):
    return settings(folder, "memory: !!python/object/apply:os.system ['touch PWN']")


def alias_bomb(folder):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]")
    return settings(folder, "\n".join(lines))


def too_large(folder):
    return settings(folder, "#" * (1 << 20))


def no_threads(folder):
    return settings(folder, "threads: 0")


def not_a_number(folder):
    return settings(folder, "threads: .nan")


def all_faults(folder):
    """Every fault of the settings at once."""
    return settings(folder, "threads: 0\nmemory: lots\ntreads: 1")


def no_model(folder):
    (folder / "samples.tsv").write_text(f"{HEADER}\na\tliver_ct\ta\n", "utf-8")
    path = folder / "config.yaml"
    path.write_text(SETTINGS.replace("samples.tsv", str(folder / "samples.tsv")), "utf-8")
    return lambda: read_cohort(path)


def output_inside_input(folder):
    """The source is a folder, and the result would lie in it."""
    (folder / "scans").mkdir()
    scan(folder / "scans/a.nii")
    return lambda: ingest(folder / "scans", folder / "scans/results/a.ome.zarr")


def output_is_input(folder):
    """The source is a store, and the result would take its place."""
    (folder / "a.ome.zarr").mkdir()
    (folder / "a.ome.zarr/zarr.json").write_text("{}", "utf-8")
    return lambda: ingest(folder / "a.ome.zarr", folder / "a.ome.zarr.commit.json")


def output_of_another_run(folder):
    """Another scan is committed under the same name."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    ingest(scan(folder / "a/scan.nii"), folder / "x.ome.zarr")
    other = scan(folder / "b/scan.nii")
    other.write_bytes(other.read_bytes()[:-1] + b"\7")
    return lambda: ingest(other, folder / "x.ome.zarr")


def output_is_a_link(folder):
    """The result would be written where a link leads."""
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere/zarr.json").write_text('{"attributes": {"medscience": {}}}', "utf-8")
    (folder / "x.ome.zarr").symlink_to(folder / "elsewhere")
    source = scan(folder / "scan.nii")
    return lambda: ingest(source, folder / "x.ome.zarr")


def no_plain_file(folder):
    """A link to what never ends."""
    (folder / "scan.nii").symlink_to(Path("/dev/zero"))
    return lambda: ingest(folder / "scan.nii", folder / "x.ome.zarr")


def same_source(folder):
    return written(folder, f"{HEADER}\na\tbrain_mri\tx.nii\nb\tbrain_mri\t./x.nii\n".encode())


def formula(folder):
    """It is text here; the report's table keeps spreadsheets from taking it for a formula."""
    return row(folder, "a\tbrain_mri\t=HYPERLINK(x)")
