import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from medscience.errors import StoreError
from medscience.store import lease as leases
from medscience.store.lease import SILENCE, Holder, Lease, leased

HOLD = """
import sys
from pathlib import Path
from medscience.store.lease import leased
with leased(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(destination):
    """Yield a process that holds the lease of a destination."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(destination)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "x.ome.zarr"


@pytest.fixture
def file(tmp_path):
    """Where the lease of the destination is."""
    return tmp_path / "x.ome.zarr.lease"


def write_lease(file, **change):
    """Write the lease of a holder that differs from this process."""
    holder = replace(Holder.this_process(), token="another", **change)
    file.write_text(json.dumps(asdict(holder)), "utf-8")
    return holder


def take(destination):
    """Take the lease and give it back."""
    with leased(destination):
        pass


def test_a_lease_is_there_while_it_is_held_and_gone_after(destination, file, tmp_path):
    with leased(destination) as lease:
        assert file.exists()
        lease.check()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_given_back_after_an_error(destination, tmp_path):
    with suppress(KeyboardInterrupt), leased(destination):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_in_the_same_process_is_refused(destination):
    with leased(destination) as lease:
        with pytest.raises(StoreError, match=f"STORE-BUSY .*process {os.getpid()} on"):
            take(destination)
        lease.check()


def test_a_second_writer_is_refused_while_the_first_lives_and_not_once_it_was_killed(destination):
    with held_by_another_process(destination) as child:
        with pytest.raises(StoreError, match=f"STORE-BUSY .*process {child.pid} on") as caught:
            take(destination)
        assert caught.value.file == str(destination)
        child.kill()
        child.wait()
        take(destination)


def test_a_killed_writer_that_nobody_waits_for_is_dead(destination):
    with held_by_another_process(destination) as child:
        child.kill()
        stat = Path(f"/proc/{child.pid}/stat")
        while stat.read_text("ascii").rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        take(destination)


def test_a_process_that_reuses_the_number_of_a_dead_one_is_not_the_holder(destination, file):
    write_lease(file, started="1")
    take(destination)


def test_a_process_that_does_not_exist_is_dead(destination, file):
    write_lease(file, pid=2**30, started="")
    take(destination)


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"boot": "before"}])
def test_a_writer_on_another_host_or_boot_lives_as_long_as_its_heart_beats(destination, file, change):
    write_lease(file, pid=12, **change)
    with pytest.raises(StoreError, match=r"STORE-BUSY .*process 12 on"):
        take(destination)
    now = time.time()
    os.utime(file, (now - SILENCE + 30,) * 2)
    with pytest.raises(StoreError, match="STORE-BUSY"):
        take(destination)
    os.utime(file, (now - SILENCE - 30,) * 2)
    take(destination)


def test_the_age_of_a_heartbeat_does_not_rest_on_this_hosts_clock(destination, file, monkeypatch):
    write_lease(file, host="elsewhere")
    monkeypatch.setattr(time, "time", lambda: 1e12)
    with pytest.raises(StoreError, match="STORE-BUSY"):
        take(destination)


def test_a_lease_that_cannot_be_read_counts_as_held_until_it_is_old(destination, file):
    file.write_text("{", "utf-8")
    with pytest.raises(StoreError, match="STORE-BUSY"):
        take(destination)
    os.utime(file, (0, 0))
    take(destination)


def test_the_heart_beats_while_the_lease_is_held(destination, file, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT", 0.01)
    with leased(destination):
        os.utime(file, (0, 0))
        until = time.monotonic() + 10
        while file.stat().st_mtime == 0:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_writer_that_lost_its_lease_is_told_and_leaves_that_of_the_next(destination, file):
    with leased(destination) as lease:
        write_lease(file, pid=12)
        with pytest.raises(StoreError, match=r"STORE-BUSY .*process 12 on"):
            lease.check()
    assert json.loads(file.read_bytes())["token"] == "another"


def test_a_writer_whose_lease_was_deleted_is_told(destination, file):
    with leased(destination) as lease:
        file.unlink()
        with pytest.raises(StoreError, match="no lease"):
            lease.check()


def test_a_writer_that_was_faster_to_take_over_keeps_its_lease(destination, file, monkeypatch):
    write_lease(file, started="1")
    lives = Holder.lives

    def lives_until_another_takes_over(holder, lease):
        if holder.started == "1":
            file.unlink()
            write_lease(file)
        return lives(holder, lease)

    monkeypatch.setattr(Holder, "lives", lives_until_another_takes_over)
    with pytest.raises(StoreError, match="STORE-BUSY"):
        take(destination)
    assert json.loads(file.read_bytes())["started"] != "1"


@pytest.mark.parametrize("dead", [False, True], ids=["free", "of a dead writer"])
def test_of_many_that_reach_for_a_lease_at_once_one_gets_it(destination, file, tmp_path, dead):
    for _ in range(20):
        if dead:
            write_lease(file, started="1")
        start, end = threading.Barrier(6), threading.Barrier(6)
        winners = []

        def reach(start=start, end=end, winners=winners):
            lease = Lease(destination)
            start.wait()
            with suppress(StoreError):
                lease.acquire()
                winners.append(lease)
            end.wait()

        threads = [threading.Thread(target=reach) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        holders = 0
        for lease in winners:
            with suppress(StoreError):
                lease.check()
                holders += 1
        assert holders == 1
        for lease in winners:
            lease.release()
        assert list(tmp_path.iterdir()) == []
