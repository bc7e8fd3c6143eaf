"""What Snakemake takes to plan a sheet of 10,000 rows, each with a source of its own."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.rounds import GIB
from tests.bench.row import Row
from tests.bench.setting import Setting
from tests.conftest import REPOSITORY

ROWS = 10_000


def sheet(setting: Setting) -> Iterator[Row]:
    """Make a dry run; nothing is read but the sheet and the size and time of each source."""
    folder = setting.folder / "sheet"
    (folder / "config").mkdir(parents=True)
    (folder / "config/models").symlink_to(REPOSITORY / "config/models")
    (folder / "config/config.yaml").write_text(
        "samples: config/samples.tsv\nmodels:\n  brain_mri: [demo-head]\n", "utf-8"
    )
    lines = ["sample\ttrack\tsource"]
    for n in range(ROWS):
        (folder / f"{n}.nii.gz").touch()
        lines.append(f"s{n}\tbrain_mri\t{n}.nii.gz")
    (folder / "config/samples.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    begun = time.perf_counter()
    subprocess.run([*command, "--dry-run", "--quiet", "all"], cwd=folder, check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    yield Row(f"a dry run of {ROWS} rows: time", seconds, "s", at_most=120)
    yield Row(f"a dry run of {ROWS} rows: memory", peak / GIB, "GiB", at_most=4)
