"""Writers of scanners' own projections, which no library has; RTK's readers check them."""

import struct

import numpy as np


def his(pixels):
    """Return Elekta's file of a square picture of uint16."""
    height, width = pixels.shape
    header = bytearray(68)
    header[:4] = b"\x00\x70\x44\x00"
    struct.pack_into("<6H", header, 10, 32, 1, 1, height, width, 1)
    struct.pack_into("<H", header, 32, 4)
    return bytes(header) + bytes(32) + pixels.astype("<u2").tobytes()


def packed(pixels):
    """Return the table of lengths and the bytes of a picture, packed as differences."""
    height, width = pixels.shape
    flat = pixels.ravel().astype(np.int64)
    n = np.arange(width + 1, height * width)
    differences = flat[n] - flat[n - 1] - flat[n - width] + flat[n - width - 1]
    codes = np.where(np.abs(differences) < 128, 0, np.where(np.abs(differences) < 32768, 1, 2))
    table = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    lengths = (table << [0, 2, 4, 6]).sum(axis=1).astype(np.uint8).tobytes()
    pieces = [struct.pack("<" + "bhi"[code], value) for code, value in zip(codes, differences, strict=True)]
    spare = bytes(len(table) * 4 - len(codes))
    return lengths, flat[: width + 1].astype("<i4").tobytes() + b"".join(pieces) + spare


def hnd(pixels, pitch=(0.776, 0.388)):
    """Return Varian's older file of a picture of whole numbers; rows times columns without the first by 4."""
    header = bytearray(1024)
    height, width = pixels.shape
    struct.pack_into("<2I", header, 120, width, height)
    struct.pack_into("<2d", header, 352, pitch[1], pitch[0])
    lengths, stored = packed(pixels)
    return bytes(header) + lengths + stored


def xim(pixels, pitch=(0.776, 0.388)):
    """Return Varian's newer file of a picture of whole numbers."""
    height, width = pixels.shape
    lengths, stored = packed(pixels)
    content = b"VMS.XI\0\0" + struct.pack("<6i", 1, width, height, 32, 4, 1)
    content += struct.pack("<i", len(lengths)) + lengths + struct.pack("<i", len(stored)) + stored
    content += struct.pack("<i", 4 * pixels.size) + struct.pack("<3i", 2, 7, 9)
    numbers = {"PixelHeight": pitch[0] / 10, "PixelWidth": pitch[1] / 10, "KVSourceRtn": 33.0}
    content += struct.pack("<i", len(numbers) + 1)
    for name, value in numbers.items():
        content += struct.pack("<i", len(name)) + name.encode() + struct.pack("<id", 1, value)
    name, text = b"AcquisitionNotes", b"none"
    return content + struct.pack("<i", len(name)) + name + struct.pack("<2i", 2, len(text)) + text


WRITERS = {".his": his, ".hnd": hnd, ".xim": xim}
