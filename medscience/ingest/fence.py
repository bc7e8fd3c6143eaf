"""Decoding behind a fence: in a process of its own, with limits on memory and time.

Native decoders crash, hang and allocate on bytes that someone else wrote. Behind the fence that costs one
file: it is refused, and a fresh process serves the next. The process is the side that is not trusted: what it
answers is words or plain numbers, checked here, and never unpickled.
"""

import ctypes
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, MedscienceError

SERVE = """
import sys
sys.path[:] = sys.argv[3:]
from medscience.ingest.fence import serve
serve(int(sys.argv[1]), int(sys.argv[2]))
"""
LARGEST_WORDS = 16 << 20
"""Bytes of an answer in words."""
PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""


class Fence:
    """Calls functions in a process of its own, which starts at the first call and serves until it fails.

    Parameters
    ----------
    memory : int
        Bytes that a call may take beyond what the process holds already, and that its answer may have.
    seconds : float
        Wall time that a call may take; its processor time is limited to as much on every core.

    Examples
    --------
    >>> import math
    >>> with Fence(seconds=10) as fence:
    ...     fence.call(math.hypot, 3, 4)
    5.0
    """

    def __init__(self, memory: int = 2 << 30, seconds: float = 60.0) -> None:
        self.memory = memory
        self.seconds = seconds
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def __enter__(self) -> "Fence":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - any decoder
        """Return what a function answers.

        Parameters
        ----------
        function : callable
            Can be imported by its name; answers an array of numbers, or what JSON holds.
        *arguments
            Anything that can be pickled: these come from the side that is trusted.

        Raises
        ------
        InputError
            What the function refuses, as it says it; ``INPUT-DECODER`` if it fails in any other way. Say
            which file it is about with `medscience.errors.about`.
        """
        with self._lock:
            if self._child is None:
                self._child = _Child()
            try:
                return self._child.ask(self.memory, self.seconds, function, arguments)
            except _FailedError as fault:
                self._end()
                raise _decoder(str(fault)) from None
            except MedscienceError:
                raise
            except BaseException:  # such as being told to stop: nobody waits for the answer any more
                self._end()
                raise

    def _end(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()


@cache
def decoding() -> Fence:
    """Return the fence that all readers of this process share, so that imports are paid for once."""
    return Fence()


class _FailedError(Exception):
    """How a process failed, in a few words."""


class _Child:
    """A process that serves, and the line to it."""

    def __init__(self) -> None:
        self.line, far_end = Pipe()
        self.plate = _memory_file()
        with far_end:
            ends = [far_end.fileno(), self.plate.fileno()]
            # the path is handed over: -P keeps the folder that we happen to run in out of it
            command = [sys.executable, "-P", "-c", SERVE, *map(str, ends), *sys.path]
            nowhere = subprocess.DEVNULL  # decoders print what they read, and that may be a person's name
            self.process = subprocess.Popen(  # noqa: S603 - our own words
                command, pass_fds=ends, stdin=nowhere, stdout=nowhere, stderr=nowhere
            )
        self.end = weakref.finalize(self, _kill, self.process, self.line, self.plate)

    def ask(
        self, memory: int, seconds: float, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Any:  # noqa: ANN401
        """Have a function called, and return its answer."""
        watch = threading.Timer(seconds, self.process.kill)
        start = time.monotonic()
        try:
            self.line.send((memory, seconds, function, arguments))
            self.line.recv_bytes(0)  # it has started, and imported what it needs
            start = time.monotonic()
            watch.start()
            return _read(self.line, self.plate, memory)
        except MedscienceError:
            raise
        except (EOFError, OSError, ValueError, KeyError, TypeError) as fault:
            late = time.monotonic() - start >= seconds
            raise _FailedError(f"no answer in {seconds:g} s" if late else self._death(fault)) from None
        finally:
            watch.cancel()

    def _death(self, fault: Exception) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=5)
            return f"a decoder ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"an answer that is none: {type(fault).__name__}"


def _kill(process: "subprocess.Popen[bytes]", line: "Connection[Any, Any]", plate: BinaryIO) -> None:
    line.close()
    plate.close()
    process.kill()
    process.wait()


def _memory_file() -> BinaryIO:
    """Return an empty file without a name, in memory where the system has such, to pass arrays through."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("medscience"), "r+b", buffering=0)
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0))


def _read(line: "Connection[Any, Any]", plate: BinaryIO, memory: int) -> Any:  # noqa: ANN401
    """Read an answer, believing nothing of it."""
    kind, content = json.loads(line.recv_bytes(LARGEST_WORDS))
    if kind == "words":
        return content
    if kind == "array":
        return _read_array(plate, np.dtype(content["dtype"]), tuple(map(int, content["shape"])), memory)
    if kind == "refused":
        keys = ("field", "found", "expected", "fix", "file")
        raise InputError(str(content["code"]), **{key: content[key] for key in keys})
    if kind == "raised":
        raise _decoder(f"a decoder that raises {content!s:.40}")
    raise _FailedError(f"more than {memory >> 20} MiB taken")


def _read_array(plate: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...], memory: int) -> NDArray[Any]:
    """Copy an array out of the file, where the other side could still change it."""
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biufc" or min(shape, default=0) < 0 or size > memory:
        raise ValueError(shape)
    raw = np.empty(size, np.uint8)
    done = 0
    plate.seek(0)
    while done < size:
        count = plate.readinto(raw[done:])  # type: ignore[attr-defined] # of raw files
        if not count:
            raise EOFError
        done += count
    return raw.view(dtype).reshape(shape)


def _decoder(found: str) -> InputError:
    return InputError(
        "INPUT-DECODER",
        field="voxels",
        found=found,
        expected="a file that decodes within its limits",
        fix="copy the file again; if it stays so, convert it with the program that wrote it",
    )


def serve(line_end: int, plate_end: int) -> None:
    """Answer calls until the line closes; this is the other side of the fence."""
    _die_with_the_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no voxels on disk when it crashes
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU):  # those of a fence around this one are not ours
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (hard, hard))
    line: Connection[Any, Any] = Connection(line_end)
    with suppress(EOFError), os.fdopen(plate_end, "r+b", buffering=0) as plate:
        while True:
            memory, seconds, function, arguments = line.recv()
            line.send_bytes(b"")
            words = _answer(plate, memory, seconds, function, arguments)
            line.send_bytes(json.dumps(words).encode())


def _answer(
    plate: BinaryIO,
    memory: int,
    seconds: float,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> tuple[str, Any]:
    """Call a function; return what kind of answer it has, and the answer in words."""
    try:
        with _limits(memory, seconds):
            value = function(*arguments)
    except MedscienceError as fault:
        return "refused", fault.record()
    except MemoryError:
        return "memory", None
    except Exception as fault:  # noqa: BLE001 - a decoder may raise anything; its words may hold data
        return "raised", type(fault).__name__
    if not isinstance(value, np.ndarray):
        return "words", value
    _put(plate, np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    return "array", {"dtype": value.dtype.str, "shape": value.shape}


def _put(plate: BinaryIO, raw: NDArray[np.uint8]) -> None:
    plate.seek(0)
    plate.truncate()
    done = 0
    while done < raw.size:
        done += plate.write(raw[done:].data)


@contextmanager
def _limits(memory: int, seconds: float) -> Iterator[None]:
    """Limit address space and processor time beyond what the process has taken so far."""
    limits = {resource.RLIMIT_CPU: math.ceil(time.process_time() + seconds * (os.cpu_count() or 1))}
    with suppress(OSError):  # not Linux: there the wall time is what holds
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + memory
    before = {kind: resource.getrlimit(kind) for kind in limits}
    try:
        for kind, limit in limits.items():
            hard = before[kind][1]
            resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
        yield
    finally:
        for kind, was in before.items():
            resource.setrlimit(kind, was)


def _die_with_the_parent() -> None:
    with suppress(OSError, AttributeError):  # Linux only; elsewhere the closed line ends it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
