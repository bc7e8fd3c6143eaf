"""Workers of a scheduler that somebody else started find what one process finds, and outlive the run."""

from dataclasses import replace

import dask
import pytest
from distributed import LocalCluster
from distributed.security import Security

from medscience.errors import ConfigError, MismatchError, WorkerError
from medscience.inference import scheduler
from medscience.inference.nodes import keys
from medscience.inference.scheduler import Scheduler
from medscience.steps.predict import predict
from medscience.store.images import open_image

TILE = "24,24,24"


@pytest.fixture(params=["tcp", "tls"])
def started(request, tmp_path):
    """Two workers, with a scheduler on loopback."""
    with keys(tmp_path / "keys") as folder:
        key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
        secret = {"distributed.comm.require-encryption": True, "distributed.comm.tls.ca-file": certificate}
        for who in ("client", "scheduler", "worker"):
            secret |= {
                f"distributed.comm.tls.{who}.{part}": file
                for part, file in (("key", key), ("cert", certificate))
            }
        with (
            dask.config.set(secret if request.param == "tls" else {}),
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                host="127.0.0.1",
                protocol=f"{request.param}://",
                security=Security(),
                dashboard_address=None,
                memory_limit=0,
            ) as cluster,
        ):
            yield cluster


def test_they_find_what_one_process_finds(scan, tiny_model, started, tmp_path, monkeypatch):
    def found(name, **options):
        predict(scan, str(tiny_model), tmp_path / name / "scan.ome.zarr", tile=TILE, threads=1, **options)
        return open_image(tmp_path / name / "scan.ome.zarr").commit

    shared = {"workers": 2, "cluster": started.scheduler_address}
    one, two, again = found("one"), found("two", **shared), found("again", **shared)
    assert two.record["plan"]["workers"] == 2
    contents = [replace(commit, record={}).to_bytes() for commit in (one, two, again)]
    assert contents[0] == contents[1] == contents[2]
    assert len(started.scheduler.workers) == 2  # they go on
    monkeypatch.setattr(scheduler, "__version__", "0.0")
    with pytest.raises(MismatchError, match=r"CLUSTER-WORKER .* expected medscience 0\.0 with torch"):
        found("other", **shared)
    monkeypatch.setattr(scheduler, "PATIENCE", 1.0)
    with pytest.raises(WorkerError, match="CLUSTER-SILENT"):
        found("three", **(shared | {"workers": 3}))


def test_workers_that_answer_several_blocks_at_once_are_refused():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp://"
        ) as cluster,
        pytest.raises(MismatchError, match=r"blocks at once: 2, expected .* blocks at once: 1; .*nthreads 1"),
    ):
        Scheduler(cluster.scheduler_address).start(1, 0)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.1:8786",
        "tcp://node1:8786",
        "tcp://127.0.0.1.example.org:8786",
        "tcp://[2001:db8::1]:8786",
        "tls://node1",
        "tls://node1:many",
        "http://127.0.0.1:8787",
        "slrum",
        "",
    ],
)
def test_addresses_that_are_none_or_open_to_others_are_refused(address):
    with pytest.raises(ConfigError, match="CLUSTER-ADDRESS"):
        Scheduler(address)


@pytest.mark.parametrize("address", ["tcp://[::1]:8786", "tcp://localhost:8786", "tls://10.0.0.1:8786"])
def test_loopback_and_tls_are_taken(address):
    assert Scheduler(address).address == address


def test_silence_is_said(monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 1.0)
    with pytest.raises(WorkerError, match=r"CLUSTER-SILENT  tcp://127\.0\.0\.1:9: "):
        Scheduler("tcp://127.0.0.1:9").start(2, 0)
    with pytest.raises(WorkerError, match="TLS__CA_FILE"):
        Scheduler("tls://127.0.0.1:9").start(2, 0)
