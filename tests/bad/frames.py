"""Group F: folders of frames."""

import io
import struct
import zlib

import numpy as np
import PIL.Image

from tests.bad.video import told
from tests.ingest.recordings import film, write_frames, write_png


def folder_of(folder, frames=None, **how):
    return write_frames(folder / "strike", film(6) if frames is None else frames, **how)


def frame(path, number):
    return sorted(path.iterdir())[number]


def png(picture, **how):
    content = io.BytesIO()
    picture.save(content, "PNG", **how)
    return content.getvalue()


def _all(folder, change):
    """Write frames as Pillow does after a change."""
    path = folder_of(folder)
    for file in path.iterdir():
        content = change(PIL.Image.open(io.BytesIO(file.read_bytes())))
        file.write_bytes(content)
    return path


def exif_orientation(folder):
    exif = PIL.Image.Exif()
    exif[274] = 6
    return told(folder, _all(folder, lambda picture: png(picture, exif=exif)))


def colours(folder):
    return told(folder, folder_of(folder, np.stack([film(6, seed=n) for n in range(3)], axis=-1)))


def colours_whose_luminance_is_asked_for(folder):
    path = folder_of(folder, np.stack([film(6, seed=n) for n in range(3)], axis=-1))
    return told(folder, path, "grey: luminance")


def grey_with_transparent_pixels(folder):
    return told(folder, folder_of(folder, np.stack([film(6)] * 3 + [film(6, seed=1)], axis=-1)))


def grey_as_opaque_colours(folder):
    full = np.full_like(film(6), 255)
    return told(folder, folder_of(folder, np.stack([film(6)] * 3 + [full], axis=-1)))


def palette_of_colours(folder):
    palette = PIL.Image.Palette.WEB
    return told(
        folder, _all(folder, lambda picture: png(picture.convert("RGB").convert("P", palette=palette)))
    )


def palette_of_greys(folder):
    def change(picture):
        turned = PIL.Image.fromarray(255 - np.asarray(picture), "L").convert("P")
        turned.putpalette([255 - n for n in range(256) for _ in range(3)])
        return png(turned)

    return told(folder, _all(folder, change))


def sixteen_bits(folder):
    return told(folder, folder_of(folder, film(6, dtype=np.uint16)))


def sixteen_bits_in_tiff(folder):
    return told(folder, folder_of(folder, film(6, dtype=np.uint16), ending=".tif"))


def cut(folder):
    path = folder_of(folder)
    file = frame(path, 3)
    file.write_bytes(file.read_bytes()[:-40])
    return told(folder, path)


def flipped_bit(folder):
    path = folder_of(folder)
    content = bytearray(frame(path, 3).read_bytes())
    content[len(content) // 2] ^= 1
    frame(path, 3).write_bytes(content)
    return told(folder, path)


def _bomb(side):
    """A PNG of black pixels, small on the disk."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    row = bytes(1 + side)
    data = b"".join([packer.compress(row * 100) for _ in range(side // 100)] + [packer.flush()])
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def bomb(folder):
    (folder / "strike").mkdir()
    (folder / "strike" / "00000.png").write_bytes(_bomb(20_000))
    return told(folder, folder / "strike")


def smaller_bomb(folder):
    """One that Pillow only warns of."""
    (folder / "strike").mkdir()
    (folder / "strike" / "00000.png").write_bytes(_bomb(12_000))
    return told(folder, folder / "strike")


def gap(folder):
    path = folder_of(folder)
    frame(path, 3).unlink()
    return told(folder, path)


def gap_that_may_be(folder):
    path = folder_of(folder)
    frame(path, 3).unlink()
    return told(folder, path, "dropped_frames: keep")


def numbers_without_zeros(folder):
    """Files 9 and 10, which sort the other way round as text."""
    return told(folder, folder_of(folder, name="frame{}", start=7))


def same_number_twice(folder):
    path = folder_of(folder, name="frame{:03}")
    write_png(path / "frame3.png", film(1)[0])
    return told(folder, path)


def two_recordings(folder):
    path = folder_of(folder)
    write_png(path / "other_00006.png", film(1)[0])
    return told(folder, path)


def name_without_a_number(folder):
    path = folder_of(folder)
    write_png(path / "mean.png", film(1)[0])
    return told(folder, path)


def png_and_tiff(folder):
    folder_of(folder)
    return told(folder, folder_of(folder, ending=".tif"))


def another_size(folder):
    path = folder_of(folder)
    write_png(frame(path, 3), film(1, shape=(48, 60))[0])
    return told(folder, path)


def another_type(folder):
    path = folder_of(folder)
    write_png(frame(path, 3), film(1, dtype=np.uint16)[0])
    return told(folder, path)
