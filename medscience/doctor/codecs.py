"""Codecs: data goes through each of those that the workbench uses, and comes back."""

import gzip
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.decoders import base as decoders
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from medscience.doctor.finding import Finding, State

Volume = NDArray[np.uint8]

NOISE = np.random.default_rng(0).integers(0, 255, (32, 32, 32), dtype=np.uint8)


def codecs() -> Finding:
    """Whether stores, scans, tables and pictures can be written and read again."""
    broken = [name for name, trip in TRIPS.items() if not _returns(trip)]
    if broken:
        return Finding(
            "codecs", State.MISSING, f"broken: {', '.join(broken)}", "run: rm -r .venv && make setup"
        )
    ready = ", ".join(name for name, decoder in DICOM.items() if decoder.is_available)
    return Finding("codecs", State.OK, f"{', '.join(TRIPS)}; DICOM plain, {ready}")


def _returns(trip: Callable[[Volume], Volume]) -> bool:
    try:
        return bool((trip(NOISE) == NOISE).all())
    except Exception:  # noqa: BLE001 - whatever a codec raises, it is broken
        return False


def _zstd(values: Volume) -> Volume:
    array = zarr.create_array(
        MemoryStore(),
        shape=values.shape,
        dtype=values.dtype,
        chunks=(16, 16, 16),
        shards=(32, 32, 32),
        compressors=ZstdCodec(level=3, checksum=True),
    )
    array[:] = values
    return np.asarray(array[:])


def _gzip(values: Volume) -> Volume:
    content = gzip.decompress(gzip.compress(values.tobytes(), 1))
    return np.frombuffer(content, np.uint8).reshape(values.shape)


def _parquet(values: Volume) -> Volume:
    buffer = BytesIO()
    pq.write_table(pa.table({"v": values.ravel()}), buffer, write_page_checksum=True)
    buffer.seek(0)
    read: Volume = pq.read_table(buffer)["v"].to_numpy()
    return read.reshape(values.shape)


def _png(values: Volume) -> Volume:
    buffer = BytesIO()
    Image.fromarray(values.reshape(len(values), -1)).save(buffer, "PNG")
    buffer.seek(0)
    return np.asarray(Image.open(buffer)).reshape(values.shape)


DICOM = {
    "RLE": decoders.RLELosslessDecoder,
    "JPEG": decoders.JPEGBaseline8BitDecoder,
    "JPEG-LS": decoders.JPEGLSLosslessDecoder,
    "JPEG 2000": decoders.JPEG2000LosslessDecoder,
}
"""What pixels of DICOM files may be packed with; without one of them its files are refused."""

TRIPS = {"zstd with checksum": _zstd, "gzip": _gzip, "parquet": _parquet, "PNG": _png}
"""What stores, scans, tables and pictures are packed with."""
