"""Commands that are told to stop, as a scheduler tells them."""

import signal
import subprocess
import sys

import pytest

COMMAND = """
import sys, time
from pathlib import Path
from medscience import cli

def wait(marks: Path) -> None:
    try:
        print("at work", flush=True)
        time.sleep(float(sys.argv[-1]))
    finally:
        time.sleep(0.5)
        (marks / "cleaned").touch()

cli.app.command("wait", context_settings={"allow_extra_args": True})(wait)
cli.main()
"""


ELSEWHERE = """
import signal, threading, time

def tell_this_thread() -> None:
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        time.sleep(0.1)
    time.sleep(3)  # by then it is at work
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=tell_this_thread, daemon=True).start()
"""


def start(tmp_path, seconds, before="", **options):
    command = [sys.executable, "-c", before + COMMAND, "wait", tmp_path, seconds]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout.readline() == "at work\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_command_that_is_told_to_stop_cleans_up_and_ends_with_75(number, tmp_path):
    process = start(tmp_path, 60)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 75
    assert said.count("\n") == 1
    assert said.startswith(f"STOPPED  signal: found {number.name}")
    assert (tmp_path / "cleaned").exists()


def test_a_signal_that_does_not_wake_the_main_thread_is_not_slept_through(tmp_path):
    """As one that another thread takes, or that comes just before a wait begins."""
    process = start(tmp_path, 60, before=ELSEWHERE)
    process.communicate()
    assert process.returncode == 75
    assert (tmp_path / "cleaned").exists()


def test_to_be_told_twice_does_not_interrupt_the_cleaning(tmp_path):
    process = start(tmp_path, 60)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 75
    assert (tmp_path / "cleaned").exists()


def test_a_signal_that_the_caller_shields_from_is_not_heard(tmp_path):
    process = start(tmp_path, 2, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 0
