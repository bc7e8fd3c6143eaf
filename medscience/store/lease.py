"""A lease: one writer for a destination, told apart from a dead one."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from medscience.errors import StoreError
from medscience.store.files import create_once

HEARTBEAT = 10.0
"""Seconds between two signs of life."""
SILENCE = 120.0
"""Seconds without a sign of life after which a writer on another host counts as dead."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    host: str
    boot: str
    pid: int
    started: str
    """Start of the process in the kernel's ticks, so that a reused pid is not taken for the holder."""
    token: str
    since: str = ""
    """When it took the lease, in UTC, for people."""

    @classmethod
    def this_process(cls) -> "Holder":
        """Return the holder that stands for this process, with a token of its own."""
        pid = os.getpid()
        now = datetime.now(UTC).isoformat(" ", "seconds")
        return cls(socket.gethostname(), _boot(), pid, _start_of(pid), uuid.uuid4().hex, now)

    def lives(self, lease: Path) -> bool:
        """Whether the holder is still at work: by its process on this host, else by its heartbeat."""
        if (self.host, self.boot) == (socket.gethostname(), _boot()):
            return bool(self.started) and _start_of(self.pid) == self.started
        return _age(lease) < SILENCE


@contextmanager
def leased(destination: Path) -> Iterator["Lease"]:
    """Hold the lease of a destination, with a heartbeat, until the block ends.

    Raises
    ------
    StoreError
        If another writer that is alive holds it.
    """
    lease = Lease(destination)
    lease.acquire()
    stop = threading.Event()
    beat = threading.Thread(target=lease.beat, args=(stop,), daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        stop.set()
        beat.join()
        lease.release()


class Lease:
    """The lease file beside a destination."""

    def __init__(self, destination: Path) -> None:
        self.path = destination.with_name(destination.name + ".lease")
        self._holder = Holder.this_process()

    def acquire(self) -> None:
        """Take the lease, or raise `StoreError` that names the holder."""
        for _ in range(100):
            try:
                create_once(self.path, json.dumps(asdict(self._holder)).encode())
            except FileExistsError:
                self._set_aside_if_dead()
            except OSError:
                self.release()  # the disk refused to make the lease durable; it may be there already
                raise
            else:
                return
        raise self._busy("a writer that comes and goes")

    def check(self) -> None:
        """Raise `StoreError` unless this process still holds the lease."""
        holder = self._read()
        if holder is None or holder.token != self._holder.token:
            raise self._busy(_name(holder))

    def release(self) -> None:
        """Give the lease back, if it is still this process's."""
        holder = self._read()
        if holder is not None and holder.token == self._holder.token:
            self.path.unlink(missing_ok=True)

    def beat(self, stop: threading.Event) -> None:
        """Show signs of life until told to stop."""
        while not stop.wait(HEARTBEAT):
            try:
                os.utime(self.path)
            except OSError:
                return  # lost: `check` refuses the commit

    def _set_aside_if_dead(self) -> None:
        holder = self._read()
        if holder is None:
            return
        if holder.lives(self.path):
            raise self._busy(_name(holder))
        aside = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if _holder(aside) == holder:
            aside.unlink()
        else:  # a living writer was faster: give it its lease back
            aside.rename(self.path)

    def _read(self) -> Holder | None:
        return _holder(self.path)

    def _busy(self, holder: str) -> StoreError:
        return StoreError(
            "STORE-BUSY",
            file=self.path.with_name(self.path.name.removesuffix(".lease")),
            field="writer",
            found=holder,
            expected="no other writer",
            fix="wait for it, or stop it",
        )


def is_held(destination: Path) -> bool:
    """Whether a writer that is alive holds the lease of a destination."""
    lease = Lease(destination).path
    holder = _holder(lease)
    return holder is not None and holder.lives(lease)


def _holder(lease: Path) -> Holder | None:
    """Who holds a lease: None if there is none, an unknown holder if it cannot be read."""
    try:
        return Holder(**json.loads(lease.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Holder("unknown", "", 0, "", "")


def _name(holder: Holder | None) -> str:
    if holder is None:
        return "no lease"
    return f"process {holder.pid} on {holder.host}" + f" since {holder.since}" * bool(holder.since)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """Start time of a process, empty if there is none or it is dead and nobody waited for it."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if facts[0] in "ZX" else facts[19]
    except (OSError, IndexError):
        return ""


def _age(path: Path) -> float:
    """Seconds since a file was touched, by the clock of the file system that holds it."""
    probe = path.with_name(f".{uuid.uuid4().hex}.clock")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return time.time() - path.stat().st_mtime if path.exists() else SILENCE
    finally:
        probe.unlink(missing_ok=True)
