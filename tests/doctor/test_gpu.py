import pytest

from medscience.doctor import torch as room
from medscience.doctor.command import Answer
from medscience.doctor.finding import State
from medscience.doctor.gpu import gpu
from medscience.doctor.torch import Torch, ask_torch, torch

CPU_BUILD = Torch("2.13.0+cpu", None, ())
CUDA_BUILD = Torch("2.13.0", "13.0", ())
SEEN = Torch("2.13.0", "13.0", (("NVIDIA H100", 80 << 30),))
DRIVER = "echo 'NVIDIA H100, 535.1'"


def test_no_gpu_is_no_fault(machine):
    assert gpu(CPU_BUILD, machine()).state is State.ABSENT


def test_one_that_torch_sees_is_named(machine):
    found = gpu(SEEN, machine())
    assert found.state is State.OK
    assert found.found == "NVIDIA H100 with 80.0 GiB; predictions use the first"


@pytest.mark.parametrize(
    "said, script, variables, found, fix",
    [
        (CPU_BUILD, DRIVER, {}, "torch is built for processors only", "TORCH_INDEX"),
        (CUDA_BUILD, DRIVER, {}, "too old a driver for torch's CUDA 13.0", "update"),
        (CUDA_BUILD, DRIVER, {"CUDA_VISIBLE_DEVICES": ""}, "hidden by", "unset"),
        (None, DRIVER, {}, "did not say", "torch first"),
        (
            CUDA_BUILD,
            "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
            {},
            "version mismatch",
            "restart",
        ),
        (CUDA_BUILD, "echo 'no devices were found'; exit 6", {}, "no devices", "driver"),
        (CUDA_BUILD, "exec /bin/sleep 30", {}, "did not answer", "restart"),
    ],
)
def test_a_gpu_that_cannot_be_used_comes_with_the_reason(said, script, variables, found, fix, machine):
    finding = gpu(said, machine({"nvidia-smi": script}, **variables), seconds=1)
    assert finding.state is State.WARNING
    assert found in finding.found
    assert fix in finding.fix


def test_torch_itself_is_asked(machine, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE", 60)  # this machine may be busy
    said = ask_torch(machine())
    assert isinstance(said, Torch)
    assert torch(said).state is State.OK


def test_a_torch_that_breaks_or_dawdles_is_a_line():
    broken = torch(Answer(1, "", ("Traceback", "ImportError: libgomp.so.1: cannot open")))
    assert broken.state is State.MISSING
    assert "libgomp" in broken.found
    assert torch(None).state is State.WARNING
