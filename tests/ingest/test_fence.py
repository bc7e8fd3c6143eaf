"""What decoders do to the process that they run in stays there."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Pipe
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.errors import InputError, about
from medscience.ingest.fence import Fence, _read
from tests.ingest import decoders


@pytest.fixture(scope="module")
def fence():
    with Fence(memory=256 << 20, seconds=2.0) as fence:
        yield fence


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "f2", ">f4", "f8", "c8", "?"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 4, 5), (70, 80, 90)])
def test_arrays_come_back_bit_for_bit(fence, shape, dtype):
    answer = fence.call(decoders.numbers, shape, dtype)
    assert answer.dtype == np.dtype(dtype)
    assert_array_equal(answer, decoders.numbers(shape, dtype))


@pytest.mark.parametrize("value", [None, True, 1.5, "words", [1, [2]], {"a": 1}])
def test_words_come_back(fence, value):
    assert fence.call(json.loads, json.dumps(value)) == value


def test_one_process_that_is_not_ours_serves_call_after_call(fence):
    first, second = fence.call(decoders.process), fence.call(decoders.process)
    assert first == second != os.getpid()


FAILURES = {
    "crash": ((decoders.crash,), "SIGSEGV"),
    "abort": ((decoders.abort,), "SIGABRT"),
    "leave": ((decoders.leave,), "exit code 3"),
    "spin": ((decoders.spin,), "no answer in 2 s"),
    "sleep": ((decoders.sleep,), "no answer in 2 s"),
    "take": ((decoders.take, 300 << 20), "more than 256 MiB"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_decoder_that_fails_costs_its_file_only(name, fence):
    before = fence.call(decoders.process)
    call, words = FAILURES[name]
    with pytest.raises(InputError, match=rf"INPUT-DECODER  scan\.img: .*{words}"), about("scan.img"):
        fence.call(*call)
    assert not Path(f"/proc/{before}").exists(), "a process or its zombie is left"
    assert fence.call(decoders.process) != before


def test_an_allowed_amount_of_memory_is_there_for_every_call(fence):
    for _ in range(3):
        assert fence.call(decoders.take, 200 << 20) == 200 << 20


def test_what_a_decoder_raises_is_told_by_its_kind_without_its_words(fence):
    before = fence.call(decoders.process)
    with pytest.raises(InputError, match=r"INPUT-DECODER.*ValueError") as fault:
        fence.call(decoders.fail)
    assert "Jane" not in fault.value.line
    assert fence.call(decoders.process) == before


def test_a_refusal_arrives_as_it_was_said(fence):
    with pytest.raises(InputError) as fault:
        fence.call(decoders.refuse)
    assert fault.value.line == "TEST-CODE  scan.img: matrix: found one, expected two; mend it"


def test_what_a_decoder_prints_goes_nowhere(fence, capfd):
    assert fence.call(decoders.speak) == "said"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "answer",
    [
        b"no json",
        b"[]",
        b'["array", {}]',
        b'["array", {"dtype": "O", "shape": [1]}]',
        b'["array", {"dtype": "i4,O", "shape": [1]}]',
        b'["array", {"dtype": "u1", "shape": [-1]}]',
        b'["array", {"dtype": "u1", "shape": [99999999]}]',
        b'["array", {"dtype": "u1", "shape": ["x"]}]',
        b'["array", {"dtype": "u1", "shape": [7]}]',
        b'["refused", {}]',
        b"cbuiltins\neval\n(V1\ntR.",
    ],
)
def test_an_answer_is_believed_only_if_it_is_plain_numbers_or_words(answer):
    line, far_end = Pipe()
    with line, far_end, tempfile.TemporaryFile(buffering=0) as plate:
        far_end.send_bytes(answer)
        with pytest.raises((ValueError, KeyError, TypeError, EOFError)):
            _read(line, plate, memory=1 << 20)


def test_an_array_that_is_no_array_fails_as_a_decoder_does(fence):
    with pytest.raises(InputError, match="INPUT-DECODER"):
        fence.call(decoders.objects)
    assert fence.call(decoders.speak) == "said"


def test_threads_take_turns(fence):
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append((n, fence.call(decoders.take, n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(n, n) for n in range(8)]


def test_nothing_is_left_when_the_fence_is_gone():
    with Fence() as fence:
        child = fence.call(decoders.process)
    assert not Path(f"/proc/{child}").exists()
    forgotten = Fence()
    child = forgotten.call(decoders.process)
    del forgotten
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_process_dies_with_its_parent_even_if_that_is_killed():
    program = (
        "from medscience.ingest.fence import Fence; from tests.ingest import decoders\n"
        "fence = Fence(); print(fence.call(decoders.process), flush=True); fence.call(decoders.sleep)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        child = Path(f"/proc/{int(parent.stdout.readline())}")
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while child.exists() and time.monotonic() < deadline:
        if child.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break  # dead; it is init's to bury
        time.sleep(0.01)
    else:
        assert not child.exists()


def test_the_folder_that_we_run_in_is_not_imported_from(tmp_path, monkeypatch):
    for name in ("json", "numpy", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code from data was run')")
    monkeypatch.chdir(tmp_path)
    with Fence() as fence:
        assert fence.call(decoders.take, 7) == 7
