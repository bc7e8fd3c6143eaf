"""The command line: the one door, for people and for rules."""

import errno
import json
import logging
import os
import shutil
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from medscience.errors import MedscienceError, SystemFaultError
from medscience.machine.stop import Stop, stop_when_told
from medscience.steps import cluster, cohort, export, models, review, simulate
from medscience.steps.assess import assess
from medscience.steps.compare import compare
from medscience.steps.detect import detect
from medscience.steps.doctor import doctor
from medscience.steps.follow import follow
from medscience.steps.ingest import ingest
from medscience.steps.lesions import lesions
from medscience.steps.measure import measure
from medscience.steps.plan import plan
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.steps.queue import queue
from medscience.steps.reconstruct import reconstruct
from medscience.steps.report import report
from medscience.steps.simulate_abdomen import abdomen
from medscience.steps.simulate_espi import espi
from medscience.steps.simulate_thorax import breathe, thorax
from medscience.steps.status import status
from medscience.steps.train import train
from medscience.steps.verify import verify
from medscience.terminal.logs import Level, say_from

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Call:
    """The one command that this process runs."""

    step: str | None = None
    failure_record: Path | None = None


CALL = Call()

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An imaging workbench: from scans to labels, measurements and a report.",
)


@app.callback()
def options(
    context: typer.Context,
    failure_record: Annotated[
        Path | None,
        typer.Option(help="where to keep a record if the command fails; removed if it succeeds"),
    ] = None,
    log_level: Annotated[Level, typer.Option(help="how much to say on stderr")] = Level.INFO,
) -> None:
    """Set up what all commands share."""
    CALL.step, CALL.failure_record = context.invoked_subcommand, failure_record
    say_from(log_level)
    context.obj = os.environ  # noqa: TID251 - for the doctor alone, who looks at the machine


for step in (
    ingest,
    reconstruct,
    plan,
    predict,
    detect,
    postprocess,
    measure,
    assess,
    lesions,
    follow,
    compare,
    queue,
    report,
    status,
    train,
    verify,
    doctor,
):
    app.command()(step)


def _group(parent: typer.Typer, name: str, text: str, commands: dict[str, Any]) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=text)
    for command, step in commands.items():
        group.command(command)(step)
    group.callback()(_nothing)  # makes a group of it, even with a single command
    parent.add_typer(group, name=name)
    return group


def _nothing() -> None:
    pass


_group(
    app,
    "simulate",
    "Make data with known truth.",
    {"head": simulate.head, "espi": espi, "abdomen": abdomen, "thorax": thorax, "breathe": breathe},
)
_group(
    app,
    "export",
    "Write results in other formats.",
    {
        "nifti": export.nifti,
        "brain-mask": export.brain_mask,
        "skull-stripped": export.skull_stripped,
        "film": export.film,
        "ct": export.ct,
        "seg": export.seg,
    },
)
_group(
    app,
    "review",
    "Verdicts and corrections: see them, hand them over, take them in.",
    {
        "list": review.list_reviews,
        "export": review.export,
        "import": review.import_reviews,
        "verify": review.verify,
        "agreement": review.agreement,
    },
)
_group(
    app,
    "cohort",
    "Make the sample sheet of a public data set.",
    {"lits": cohort.lits, "msd": cohort.msd, "ircadb": cohort.ircadb},
)
_group(
    app,
    "cluster",
    "Look at a cluster, and say what a cohort will ask of it.",
    {"check": cluster.check, "estimate": cluster.estimate},
)
_models = _group(
    app,
    "models",
    "List, check and bring in models.",
    {"list": models.list_models, "check": models.check, "add": models.add, "join": models.join},
)
_group(
    _models,
    "import",
    "Convert models that others publish.",
    {
        "brainchop": models.brainchop,
        "hdenseunet": models.hdenseunet,
        "densenet161": models.densenet161,
        "rstar": models.rstar,
    },
)


def main() -> None:
    """Run a command: 0 done, 1 an error in one line on stderr, 2 wrong usage, 75 told to stop."""
    threading.excepthook = _end_at_once
    try:
        stop_when_told()
        app()
    except SystemExit as end:  # the way in which every command returns
        if not end.code and CALL.failure_record is not None:
            CALL.failure_record.unlink(missing_ok=True)
        raise
    except Stop as stop:
        _fail(stop.fault)
    except MedscienceError as fault:
        _fail(fault)
    except OSError as fault:
        _fail(_system_fault(fault))
    except Exception as fault:
        _keep_record(_internal(fault))
        raise


def _fail(fault: MedscienceError) -> None:
    _keep_record(fault)
    typer.echo(fault.line, err=True)
    raise SystemExit(fault.exit_code) from None


def _end_at_once(thrown: threading.ExceptHookArgs) -> None:
    """End the process with an error that a thread raises which watches over one that hangs."""
    fault = thrown.exc_value
    if not isinstance(fault, MedscienceError):
        threading.__excepthook__(thrown)
        return
    try:
        _keep_record(fault)
        typer.echo(fault.line, err=True)
    finally:
        os._exit(fault.exit_code)


def _keep_record(fault: MedscienceError) -> None:
    """Write the failure record that was asked for; the report reads it."""
    record = CALL.failure_record
    if record is not None:
        content = fault.record() | {"step": CALL.step, "sample": record.stem}
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        except OSError as refused:  # a full disk may be the very fault: it is said all the same
            log.warning("no failure record could be kept: %s", refused)


def _system_fault(fault: OSError) -> SystemFaultError:
    name = errno.errorcode.get(fault.errno or 0, type(fault).__name__)
    advice = {
        "ENOSPC": "make room on the disk",
        "EDQUOT": "make room in your share of the disk",
        "EACCES": "ask for the right to write there",
        "EROFS": "choose a place that can be written",
    }
    return SystemFaultError(
        f"SYSTEM-{name}",
        file=fault.filename,
        field="operating system",
        found=f"{fault.strerror or fault}{_room(name, fault.filename)}",
        expected="success",
        fix=advice.get(name, "mend it") + ", then run again: what is committed is kept",
    )


def _room(name: str, file: str | None) -> str:
    """How much room is left where there was not enough."""
    if name not in ("ENOSPC", "EDQUOT") or file is None:
        return ""
    folder = next(above for above in Path(file).absolute().parents if above.is_dir())
    return f", {shutil.disk_usage(folder).free} bytes are free"


def _internal(fault: Exception) -> MedscienceError:
    """What the record says of an error that should not happen: where in the code, no values."""
    place = traceback.extract_tb(fault.__traceback__)[-1]
    return MedscienceError(
        "INTERNAL",
        field=f"{Path(place.filename).name} line {place.lineno}",
        found=type(fault).__name__,
        expected="no error",
        fix="report it with the log",
    )
