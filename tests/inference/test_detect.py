"""A detector sees frame by frame, whatever it is given together."""

import numpy as np
import pytest
import torch

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection
from medscience.detector import DetectorFile
from medscience.errors import MemoryPromiseError, MismatchError
from medscience.inference.detect import BESIDE, Detector, detector
from medscience.models.spnet import SPNet
from medscience.models.spnet_slots import encode
from medscience.models.zoo import load_detector
from medscience.store.record import peak_memory

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 64, 96), dtype=np.uint8)


@pytest.fixture
def tiny(tiny_detector):
    return detector(*load_detector(tiny_detector), "float32")


def close(one, other):
    """Whether two detections are the same but for the last digits."""
    rows = [list(each.row().values()) for each in (one, other)]
    return np.allclose(*(np.array(row, dtype=float) for row in rows), rtol=1e-3, atol=1e-3, equal_nan=True)


def test_frames_are_looked_at_each_on_its_own(tiny):
    together = tiny(FRAMES)
    assert sum(map(len, together)) > 3
    for frame, found in zip(FRAMES, together, strict=True):
        alone = tiny(frame[None])[0]
        assert all(map(close, alone, found))
        assert len(alone) == len(found)


def test_a_frame_of_one_grey_level_has_no_antinodes(tiny):
    frames = FRAMES.copy()
    frames[1], frames[3] = 0, 255
    found = tiny(frames)
    assert [bool(each) for each in found] == [
        bool(each) and n not in (1, 3) for n, each in enumerate(tiny(FRAMES))
    ]


def test_16_bits_are_as_good_as_8(tiny):
    wide, narrow = tiny(FRAMES.astype(np.uint16) * 257), tiny(FRAMES)
    assert all(close(*pair) for pairs in zip(wide, narrow, strict=True) for pair in zip(*pairs, strict=True))


def test_intervals_hold_their_count(tiny):
    for one in (one for found in tiny(FRAMES) for one in found):
        assert 0 <= one.low <= one.antinode.rings <= one.high


def test_memory_bounds_how_many_frames_are_seen_together(tiny):
    few = tiny.at_once((64, 96), peak_memory() + BESIDE + (2 << 20))
    assert 1 <= few <= tiny.at_once((64, 96), 64 << 30)
    with pytest.raises(MemoryPromiseError, match=r"MEMORY-TOO-SMALL.*frames of 96 x 64"):
        tiny.at_once((64, 96), 1 << 20)


class Known(torch.nn.Module):
    """Stands for SPNet: answers with the published target of some antinodes."""

    def __init__(self, antinodes):
        super().__init__()
        self.register_buffer("values", torch.from_numpy(encode(antinodes)))

    def forward(self, frames):
        assert frames.shape[1:] == (1, 331, 331)
        return self.values.to(torch.float32).expand(len(frames), *self.values.shape)


@pytest.fixture
def published(tiny_detector):
    model = load_detector(tiny_detector)[0].model_dump()
    model |= {"network": {"name": "spnet"}, "input": {"height": 384, "width": 512}}
    return DetectorFile.model_validate(model)


def test_the_published_network_goes_the_same_way(published):
    antinodes = [Antinode(Ellipse(200, 100, 40, 20, 10), 1.5), Antinode(Ellipse(300, 250, 40, 20, 10), 4.0)]
    frame = np.random.default_rng(0).integers(0, 256, (1, 384, 512), dtype=np.uint8)
    found = Detector(published, Known(antinodes))(frame)[0]
    wanted = [Detection(antinodes[0], 0.5, 2.5), Detection(antinodes[1], 2.5, 5.5)]
    assert all(close(one, other) for one, other in zip(found, wanted, strict=True))


def test_the_published_network_knows_one_size_of_frames_only(published):
    with pytest.raises(MismatchError, match=r"DETECT-FRAME-SIZE.*96 x 64.*512 x 384"):
        Detector(published, Known([])).at_once((64, 96), 8 << 30)


def test_the_real_network_fits_in(published):
    frame = np.random.default_rng(0).integers(0, 256, (1, 384, 512), dtype=np.uint8)
    torch.manual_seed(0)
    network = SPNet().eval()
    assert Detector(published, network).at_once((384, 512), 16 << 30) > 1
    assert isinstance(Detector(published, network)(frame)[0], list)
