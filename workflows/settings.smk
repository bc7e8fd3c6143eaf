# What every workflow begins with: the file of its settings, and our command line.

import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError


def settings_file(default):
    """The file given with --config settings=FILE, else the default."""
    # Snakemake can run code that it finds in a file given with --configfile, so it never sees ours
    if workflow.overwrite_configfiles:
        raise WorkflowError(
            "--configfile is not read: give the file with --config settings=FILE"
        )
    given = dict(workflow.config_settings.config)
    file = os.path.relpath(str(given.pop("settings", default)))
    if given:
        raise WorkflowError(
            f"settings belong in {file}: of --config only settings=FILE is read"
        )
    return file


# the command line of this very environment, whether it is activated or not
shell.prefix(
    f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; set -euo pipefail; "
)
