"""Group F: tables of ellipses."""

from medscience.ingest.ellipses import read_labels, read_table

GOOD = "100,80,40,20,30,2.5\n"


def labels(folder, text, reader=read_labels, **options):
    """Return an attempt that reads a table and gives the codes of its repairs."""
    path = folder / "strike_00001.csv"
    path.write_text(text)
    return lambda: [repair.code for repair in reader(path, **options).repairs]


def not_a_number(folder):
    return labels(folder, GOOD + "100,80,40,nan,30,2.5\n")


def outside(folder):
    return labels(folder, GOOD + "100,9999,40,20,30,2.5\n")


def axis_of_nothing(folder):
    return labels(folder, GOOD + "100,80,0,20,30,2.5\n")


def header(folder):
    return labels(folder, "cx,cy,a,b,angle,rings\n" + GOOD)


def blank(folder):
    return labels(folder, "")


def row_of_zeros(folder):
    return labels(folder, "0,0,0,0,0,0\n")


def aggregate_with_a_missing_number(folder):
    return labels(folder, "100,80,s_1.png,,40,20,30\n", read_table)


def aggregate_whose_incomplete_rows_may_go(folder):
    return labels(folder, "100,80,s_1.png,NaN,40,20,30\n", read_table, incomplete="drop")
