"""Workers on the nodes of a cluster: handed to Slurm as jobs of their own, and talked to over TLS only."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distributed import Client
from distributed.security import Security
from distributed.utils import get_ip, get_ip_interface

from medscience.errors import SystemFaultError
from medscience.inference.workers import client_of

DAYS = 30
"""For which a run's key is good; it is deleted when the run ends."""
QUIET = ("DASK_DISTRIBUTED__WORKER__HTTP__ROUTES", "DASK_DISTRIBUTED__NANNY__HTTP__ROUTES")
"""Pages that a worker would show; it shows none."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Where workers are to run."""

    keys: Path
    """A folder that all nodes see and nobody else may read; see `keys`."""
    threads: int
    """Of each worker; it is given as many cores."""
    partition: str | None = None
    """None for the site's own default."""
    interface: str | None = None
    """The network by which nodes talk, such as ib0; None for the one that leads out."""

    def start(self, number: int, size: int) -> Client:
        """Hand in jobs of one worker each, which may hold so many bytes; one that ends is replaced."""
        from dask_jobqueue.slurm import SLURMCluster  # noqa: PLC0415 - an extra, for those who have a cluster

        host = get_ip_interface(self.interface) if self.interface else get_ip()
        cluster = SLURMCluster(
            queue=self.partition,
            cores=1,  # blocks at a time; the threads are torch's
            processes=1,
            memory="0",  # what it may hold is planned
            job_cpu=self.threads,
            job_mem=f"{(size >> 20) + 1}M",
            job_directives_skip=["#SBATCH -t"],  # the partition's own limit
            job_script_prologue=[f"export {name}='[]'" for name in QUIET],
            nanny=False,
            python=sys.executable,
            interface=self.interface,
            local_directory="${TMPDIR:-/tmp}",
            log_directory=str(self.keys),
            worker_extra_args=["--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
            scheduler_options={"host": host, "dashboard_address": "127.0.0.1:0"},
            security=_security(self.keys),
            silence_logs="critical",
        )
        cluster.adapt(minimum=number, maximum=number, interval="5s")
        return client_of(cluster)


@contextmanager
def keys(beside: Path) -> Iterator[Path]:
    """Make the key and the certificate of a run in a folder for this user alone, and delete them at its end.

    Raises
    ------
    SystemFaultError
        If there is no openssl here to make them.
    """
    program = shutil.which("openssl")
    if program is None:
        raise SystemFaultError(
            "CLUSTER-KEYS",
            field="openssl",
            found="no such program",
            expected="one to make a key with: nodes talk over TLS only",
            fix="load the module that has it, or install it",
        )
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".medscience-keys-") as folder:
        pair = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
        form = ["-newkey", "rsa:2048", "-nodes", "-days", str(DAYS), "-subj", "/CN=medscience"]
        subprocess.run([program, "req", "-x509", *form, *pair], check=True, capture_output=True)  # noqa: S603 - no shell
        yield Path(folder).absolute()


def _security(folder: Path) -> Security:
    """Everyone shows the same certificate, and believes no other."""
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    roles = {f"tls_{role}_key": key for role in ("client", "scheduler", "worker")}
    roles |= {f"tls_{role}_cert": certificate for role in ("client", "scheduler", "worker")}
    return Security(require_encryption=True, tls_ca_file=certificate, **roles)
