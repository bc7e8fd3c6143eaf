"""zarr stores that know the digest of every object: noted when it is written, checked when it is read."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from medscience.store.commit import StoredObject, altered, check_object
from medscience.store.files import patiently, put


class RecordingStore(LocalStore):
    """Writes every object durably and remembers its size and sha256 in `objects`."""

    def __init__(
        self,
        root: Path,
        *,
        read_only: bool = False,
        objects: dict[str, StoredObject] | None = None,
    ) -> None:
        super().__init__(root, read_only=read_only)
        self.objects: dict[str, StoredObject] = {} if objects is None else objects

    def with_read_only(self, read_only: bool = False) -> Self:  # noqa: FBT001, FBT002 - zarr's signature
        """Return a view of the same store that shares `objects`."""
        return type(self)(self.root, read_only=read_only, objects=self.objects)

    async def set(self, key: str, value: Buffer) -> None:
        """Write an object."""
        self._check_writable()
        await asyncio.to_thread(self._put, key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write an object from synchronous code."""
        self._check_writable()
        self._put(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write an object unless it is there."""
        if key not in self.objects:
            await self.set(key, value)

    def _put(self, key: str, value: Buffer) -> None:
        content = memoryview(value.to_bytes())
        patiently(partial(put, self.root / key, content))
        self.objects[key] = StoredObject(len(content), hashlib.sha256(content).hexdigest())


class VerifyingStore(LocalStore):
    """Reads objects of a committed store, and raises `StoreError` for one that was altered or is missing.

    An object is hashed when it is first read; parts of a shard are then read from it, as long as the file
    stays the one that was hashed.
    """

    def __init__(self, root: Path, objects: Mapping[str, StoredObject]) -> None:
        super().__init__(root, read_only=True)
        self._objects = objects
        self._verified: dict[str, tuple[int, ...]] = {}

    def with_read_only(self, read_only: bool = False) -> Self:  # noqa: FBT001, FBT002 - zarr's signature
        """Return this store: it is always read-only."""
        return self

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return an object or a part of it; None for a key that was never committed."""
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return an object or a part of it to synchronous code."""
        if key not in self._objects:
            return None
        self.verify(key)
        read = partial(super().get_sync, key, prototype=prototype, byte_range=byte_range)
        value = patiently(read)
        if _state(self.root / key) != self._verified[key]:
            raise altered(self.root, key, "a change while it was read", "the file that was checked")
        return value

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of objects."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    def verify(self, key: str) -> None:
        """Check the digest of an object, once."""
        if key in self._verified:
            return
        state = _state(self.root / key)
        check_object(self.root, key, self._objects[key])
        self._verified[key] = state


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file does; empty if it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return ()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
