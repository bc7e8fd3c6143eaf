import threading
import time

import pytest

from medscience.errors import StallError
from medscience.progress import nobody, unless_stalled


@pytest.fixture
def thrown(monkeypatch):
    """What threads raise."""
    faults = []
    monkeypatch.setattr(threading, "excepthook", lambda thrown: faults.append(thrown.exc_value))
    return faults


def test_what_is_told_is_passed_on(thrown):
    heard = []
    with unless_stalled(lambda done, total: heard.append((done, total)), 60) as tell:
        for done in range(4):
            tell(done, 3)
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert thrown == []


def test_slow_work_that_goes_on_does_not_stall(thrown):
    with unless_stalled(nobody, 1.0) as tell:
        for done in range(15):
            tell(done, 15)
            time.sleep(0.1)
    assert thrown == []


def test_work_that_does_not_go_on_stalls_once_with_every_stack(thrown, capfd):
    with unless_stalled(nobody, 0.3) as tell:
        tell(0, 3)
        time.sleep(1)
    assert [type(fault) for fault in thrown] == [StallError]
    assert "STALLED" in thrown[0].line
    assert "test_progress.py" in capfd.readouterr().err


def test_an_error_ends_the_watch(thrown):
    before = threading.active_count()
    with pytest.raises(ValueError, match="mine"), unless_stalled(nobody, 60):
        raise ValueError("mine")
    assert threading.active_count() == before
