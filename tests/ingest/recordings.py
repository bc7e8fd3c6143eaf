"""Recordings for tests: written by PyAV, Pillow, tifffile and imagecodecs."""

from fractions import Fraction

import av
import imagecodecs
import numpy as np
import tifffile

SHAPE = (48, 64)


def film(count=20, shape=SHAPE, dtype=np.uint8, seed=0):
    """Frames (T, Y, X) of random numbers from the whole range of a type."""
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (count, *shape), dtype, endpoint=True)


def acquisition(folder, text="frame_rate_hz: 15037.0"):
    """Write an acquisition file."""
    path = folder / "acquisition.yaml"
    path.write_text(text + "\n")
    return path


def write_video(path, frames, codec="ffv1", pixels=None, rate=30, skip=(), prepare=None, options=None):
    """Write frames (T, Y, X) or (T, Y, X, 3) as a video; `prepare` may change a stream before that."""
    kind = "rgb24" if frames.ndim == 4 else "gray16le" if frames.dtype == np.uint16 else "gray"
    pixels = pixels or kind
    height, width = frames.shape[1:3]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.options = options or {}
        if prepare:
            prepare(stream)
        for number, values in enumerate(frames):
            if number in skip:
                continue
            frame = av.VideoFrame.from_ndarray(values, format=kind).reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_png(path, pixels):
    """Write one frame."""
    path.write_bytes(imagecodecs.png_encode(pixels))
    return path


def write_frames(folder, frames, ending=".png", name="strike_{:05}", start=0):
    """Write frames (T, Y, X) into a folder, one file each."""
    folder.mkdir(exist_ok=True)
    for number, values in enumerate(frames, start=start):
        path = folder / f"{name.format(number)}{ending}"
        if ending == ".png":
            write_png(path, values)
        else:
            tifffile.imwrite(path, values, metadata=None)
    return folder


def write_pages(path, frames, **how):
    """Write frames (T, Y, X) as the pages of a TIFF, with nothing said about them."""
    tifffile.imwrite(path, frames, **{"metadata": None, "photometric": "minisblack"} | how)
    return path
