"""A process that is imported once and does a task in one child after another, each of which meets a fault.

A line of standard input is a job: ``task`` and ``folder``, and what goes wrong:

- ``call`` and ``then``: at that call of the operating system within the folder the child is killed
  (``kill``), or ``delay`` seconds after it (``alarm``, which nothing in the child hears), or the call fails
  with an error by its name, as do all later ones that need room or the disk if ``ever_since``;
- ``limit``: no file can grow beyond so many bytes; with ``torn`` the write that tries is the child's last;
- ``files``: how many files may be open at once.

The answer is a line: the child's exit code, the number of its calls, and the error that it ended with.
"""

import errno
import json
import os
import resource
import signal
import sys
from pathlib import Path

from tests.faults.tasks import TASKS

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
TAKES_AWAY = ("os.remove", "os.rmdir")
"""What a full disk still does."""


class Calls:
    """Counts a child's calls of the operating system, notes them, and lets one of them come to harm."""

    def __init__(self, folder, call=0, then=None, ever_since=False, delay=0):
        self.folder, self.call, self.then, self.ever_since, self.delay = folder, call, then, ever_since, delay
        self.made = []

    def watch(self):
        self._fsync = os.fsync
        os.fsync = self._synced
        sys.addaudithook(self._called)

    def _called(self, event, arguments):
        if event in EVENTS and str(arguments[0]).startswith(self.folder):
            self._note(event, *map(str, arguments[:2]))

    def _synced(self, descriptor):
        self._note("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        self._fsync(descriptor)

    def _note(self, event, *arguments):
        self.made.append((event, *arguments))
        number = len(self.made)
        if number == self.call and self.then == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.call and self.then == "alarm":
            signal.setitimer(signal.ITIMER_REAL, self.delay)
        elif number == self.call or (self.ever_since and 0 < self.call < number and event not in TAKES_AWAY):
            code = getattr(errno, self.then)
            raise OSError(code, os.strerror(code))


def child(job, answer):
    """Do a task; write what became of it to a file descriptor."""
    harm = {key: job[key] for key in ("call", "then", "ever_since", "delay") if key in job}
    calls = Calls(job["folder"], **harm)
    if "limit" in job:
        if job.get("torn"):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"],) * 2)
    if "files" in job:
        resource.setrlimit(resource.RLIMIT_NOFILE, (job["files"],) * 2)
    error = None
    calls.watch()
    try:
        TASKS[job["task"]](Path(job["folder"]))
    except Exception as fault:  # noqa: BLE001 - whatever it is, the test judges it
        error = {"type": type(fault).__name__, "errno": getattr(fault, "errno", None), "line": str(fault)}
        error["code"], error["file"] = getattr(fault, "code", None), getattr(fault, "filename", None)
        error["system"] = isinstance(fault, OSError)
    made = list(calls.made)
    calls.call = 0
    os.write(answer, json.dumps({"calls": made, "error": error}).encode())
    os._exit(1 if error else 0)


def do(job):
    """Do a job in a child; return what became of it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(job, writing)
    os.close(writing)
    said = b""
    while more := os.read(reading, 1 << 16):
        said += more
    os.close(reading)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"code": code} | ({"calls": [], "error": None} if code < 0 else json.loads(said))


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(do(json.loads(line))) + "\n")
        sys.stdout.flush()
