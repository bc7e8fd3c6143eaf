"""Processor, cores, threads and memory."""

import pytest

from medscience.doctor.cores import cores, threads
from medscience.doctor.finding import State
from medscience.doctor.memory import memory
from medscience.doctor.processor import processor
from medscience.machine.memory import Memory

GIB = 1 << 30


@pytest.mark.parametrize(
    "content, state, words",
    [
        ("model name\t: Old\nflags\t\t: sse2 avx\n", State.WARNING, "Old with no AVX2"),
        ("model name\t: New\nflags\t\t: avx2 avx512f avx512_bf16\n", State.OK, "AVX2, AVX-512, bfloat16"),
        ("Features\t: fp asimd bf16\n", State.OK, "NEON, bfloat16"),
    ],
)
def test_a_processors_abilities_are_said_in_words(content, state, words, tmp_path):
    (tmp_path / "cpuinfo").write_text(content)
    found = processor(tmp_path / "cpuinfo")
    assert found.state is state
    assert words in found.found


def test_without_linux_account_the_processor_is_still_a_line(tmp_path):
    assert processor(tmp_path / "no").state is State.OK


def test_fewer_cores_than_there_are_come_with_the_reason():
    assert cores(100_000).found.startswith("100000 of ")
    assert "holds the rest back" not in cores(100_000).found


@pytest.mark.parametrize(
    "variables, state",
    [
        ({}, State.OK),
        ({"OMP_NUM_THREADS": "2"}, State.OK),
        ({"OMP_NUM_THREADS": "64"}, State.WARNING),
        ({"MKL_NUM_THREADS": "many"}, State.WARNING),
    ],
)
def test_variables_that_ask_for_more_threads_than_cores(variables, state):
    found = threads(variables, usable=4)
    assert found.state is state
    assert (state is State.OK) == (found.fix == "")


def test_memory_says_what_is_free_and_what_limits_it():
    found = memory(Memory(8 * GIB, 5 * GIB, "the control group"))
    assert (found.state, found.found) == (State.OK, "5.0 GiB free of 8.0 GiB, limited by the control group")
    assert memory(Memory(8 * GIB, GIB)).state is State.WARNING
