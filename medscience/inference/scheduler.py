"""Workers of a Dask scheduler that somebody else started: asked, never stopped."""

import ipaddress
import re
from dataclasses import dataclass

import torch
from distributed import Client

from medscience import __version__
from medscience.errors import ConfigError, MismatchError, WorkerError
from medscience.inference.memory import give_back_freed_memory

ADDRESS = re.compile(r"(tcp|tls)://(?:\[([\da-f:]+)\]|([\w.-]+)):\d{1,5}")
"""Protocol, then an IPv6 address or another name of a machine."""
PATIENCE = 60.0
"""Seconds in which a scheduler answers, and its workers are there."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A scheduler whose workers have this program and see the same files by the same names."""

    address: str
    """``tls://HOST:PORT``, with the certificates of Dask's own settings; ``tcp://`` on loopback only."""

    def __post_init__(self) -> None:
        place = ADDRESS.fullmatch(self.address)
        if place is None:
            raise self._refused("slurm, or an address such as tls://node1:8786", "say where workers are")
        if place[1] == "tcp" and not _is_here(place[2] or place[3]):
            raise self._refused(
                "tls://, or tcp:// on this machine's loopback",
                "start scheduler and workers with certificates: who reaches them runs programs there",
            )

    def start(self, number: int, _size: int) -> Client:
        """Return a client of so many workers or more.

        Raises
        ------
        WorkerError
            If nobody answers, or there are fewer workers.
        MismatchError
            If one of them has another version of this program or of torch, so that its bits may be others,
            or answers several blocks at once.
        """
        try:
            client = Client(self.address, timeout=PATIENCE)
        except (OSError, TypeError, ValueError) as fault:
            raise self._unheard(fault, "a scheduler, and certificates for tls://") from fault
        try:
            client.wait_for_workers(number, PATIENCE)
            at_once = client.nthreads()
            theirs = {name: _worker(found, at_once[name]) for name, found in client.run(software).items()}
            client.run(give_back_freed_memory)
        except (OSError, ImportError) as fault:
            client.close()
            raise self._unheard(fault, f"{number} workers that have medscience") from fault
        wanted = _worker(software(), 1)
        other = next((name for name, found in theirs.items() if found != wanted), None)
        if other:
            client.close()
            raise MismatchError(
                "CLUSTER-WORKER",
                field=other,
                found=theirs[other],
                expected=wanted,
                fix="install the same environment there, and start workers with --nthreads 1",
            )
        return client

    def _refused(self, expected: str, fix: str) -> ConfigError:
        return ConfigError(
            "CLUSTER-ADDRESS", field="--cluster", found=self.address, expected=expected, fix=fix
        )

    def _unheard(self, fault: Exception, expected: str) -> WorkerError:
        return WorkerError(
            "CLUSTER-SILENT",
            field=self.address,
            found=fault,
            expected=expected,
            fix="start them, and set DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its companions for tls://",
        )


def software() -> str:
    """Return the versions on which bits depend."""
    return f"medscience {__version__} with torch {torch.__version__}"


def _worker(versions: str, at_once: int) -> str:
    """Describe a worker; one that answers several blocks at once would hold more than was planned."""
    return f"{versions}, blocks at once: {at_once}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
