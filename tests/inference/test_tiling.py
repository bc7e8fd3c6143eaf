import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medscience.inference.tiling import with_halo
from medscience.store.grid import regions

SHAPES = st.tuples(*[st.integers(1, 13)] * 3)
HALOS = st.tuples(*[st.integers(0, 4)] * 3)


@given(shape=SHAPES, block=SHAPES, halo=HALOS)
def test_what_is_kept_of_a_tile_is_the_box(shape, block, halo):
    volume = np.arange(np.prod(shape)).reshape(shape)
    for box in regions(shape, block):
        read, keep = with_halo(box, halo, shape)
        assert (volume[read][keep] == volume[box]).all()


@given(shape=SHAPES, block=SHAPES, halo=HALOS)
def test_a_box_is_read_with_all_the_context_that_there_is(shape, block, halo):
    for box in regions(shape, block):
        read, _ = with_halo(box, halo, shape)
        for r, b, size, reach in zip(read, box, shape, halo, strict=True):
            assert r.start == max(b.start - reach, 0)
            assert r.stop == min(b.stop + reach, size)
