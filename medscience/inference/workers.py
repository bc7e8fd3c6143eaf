"""Processes that share the blocks of a prediction, here or elsewhere, and the one that writes what they find.

Nobody but the caller writes. At most one block more than there are workers is under way: each computes one,
and one waits for whoever is done first, so that none waits while the last answer is being written.
"""

import logging
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import nullcontext, suppress
from itertools import count, islice
from typing import Any

import dask
import numpy as np
from distributed import Client, KilledWorker, LocalCluster, Worker, as_completed, get_worker
from distributed.deploy.spec import SpecCluster
from distributed.diagnostics.plugin import WorkerPlugin
from numpy.typing import NDArray

from medscience.errors import WorkerError
from medscience.inference.link import Region
from medscience.inference.memory import give_back_freed_memory
from medscience.inference.predict import Blocks, Has, Write
from medscience.progress import Tell
from medscience.store.record import peak_memory

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LAYERS = "layers"
"""The topic under which workers tell of layers that are done."""
DEATHS = 1
"""How many workers a block may outlive: one that kills every worker it meets is given up."""

Start = Callable[[int, int], Client]
"""Finds so many workers, which may hold so many bytes each."""

Answer = Callable[[Region], NDArray[np.generic]]
"""Answers a block, in a worker; it must be a function, or a `partial` of one, that can be imported there."""


class Workers:
    """Processes that start when they are needed and end with this object, or with this process."""

    def __init__(self, start: Start | None = None) -> None:
        self.count = 0
        self._start = start or _started_here
        self._client: Client | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.start(0)

    def start(self, number: int, size: int = 0) -> None:
        """See to it that there are so many workers; those that are there stay, with what they loaded."""
        if number == self.count:
            return
        client, self._client, self.count = self._client, None, 0
        if client:
            with client.cluster or nullcontext():
                client.close()
        if number:
            _settle()
            self._client, self.count = self._start(number, size), number

    def answers(
        self, answer: Answer, regions: list[Region], layer_done: Callable[[], None]
    ) -> Iterator[tuple[Region, NDArray[np.generic]]]:
        """Yield regions with their answers, as they are found.

        Raises
        ------
        WorkerError
            If a block's worker died, and so did the one that took the block over.
        """
        client, left = self._client, iter(regions)
        if client is None:
            raise RuntimeError("workers are to be started before they are asked")
        client.subscribe_topic(LAYERS, lambda _event: layer_done())
        begun = {client.submit(answer, region, pure=False): region for region in islice(left, self.count + 1)}
        under_way = as_completed(list(begun))
        try:
            for future in under_way:
                found = _result(future)
                region = begun.pop(future)
                del future  # the worker may forget its answer
                for following in islice(left, 1):
                    later = client.submit(answer, following, pure=False)
                    begun[later] = following
                    under_way.add(later)
                yield region, found
        finally:
            client.cancel(list(begun))
            client.unsubscribe_topic(LAYERS)

    def peaks(self) -> list[int]:
        """Return the largest resident memory of each worker that is there, in bytes."""
        return list(self._client.run(peak_memory).values()) if self._client else []


def share(blocks: Blocks, workers: Workers, answer: Answer, write: Write, tell: Tell, has: Has) -> None:
    """Write the decision for every voxel of a grid, block by block, as workers find them.

    The same as `medscience.inference.predict.predict`, for a plan that is exact.
    """

    def layer_done() -> None:
        tell(min(next(layers), total), total)

    todo, parts = blocks.todo(has), blocks.parts
    layers, total = count(1), len(todo) * parts
    tell(0, total)
    if not todo:
        return
    plan = blocks.plan
    workers.start(min(plan.workers, len(todo)), plan.predicted_bytes // plan.workers)
    for region, found in workers.answers(answer, todo, layer_done):
        write(region, found)
        layer_done()  # what is decided and written counts as one


def tell_of_layer(_done: int, _all: int) -> None:
    """Let the process that writes hear, from within a worker, that a layer is done."""
    get_worker().log_event(LAYERS, 1)


def _settle() -> None:
    """Nobody shows pages, and what workers may hold is planned, so nobody else looks after it."""
    routes: dict[str, Any] = {
        f"distributed.{who}.http.routes": [] for who in ("scheduler", "nanny", "worker")
    }
    dask.config.set({**routes, "distributed.scheduler.allowed-failures": DEATHS})
    theirs = logging.getLogger("distributed")
    theirs.propagate = False  # what matters of it arrives as errors
    theirs.addHandler(logging.NullHandler())  # or Python itself would print it


def client_of(cluster: SpecCluster) -> Client:
    """Return a client of workers that are this run's own."""
    client = Client(cluster)
    client.register_plugin(Settled())
    return client


def _started_here(number: int, _size: int) -> Client:
    """Start processes of this machine, heard on loopback only."""
    return client_of(
        LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            host=HOST,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": f"{HOST}:0"},  # its empty server takes no fixed port
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )
    )


class Settled(WorkerPlugin):
    """Makes a worker like the process that writes; also one that takes a dead one's place."""

    name = "settled"

    def setup(self, worker: Worker) -> None:
        """Leave Ctrl-C to the process that writes, and give memory back as it does."""
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        give_back_freed_memory()


def _result(future: Any) -> NDArray[np.generic]:  # noqa: ANN401
    try:
        return future.result()  # type: ignore[no-any-return]
    except (KilledWorker, CancelledError) as fault:
        raise WorkerError(
            "WORKER-DIED",
            field="workers",
            found=f"a block that {DEATHS + 1} workers died of",
            expected="workers that live",
            fix="look into the kernel's log for processes that ran out of memory; run it again: "
            "finished blocks are kept",
        ) from fault
