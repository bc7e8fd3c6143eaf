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


@given(shape=SHAPES, block=SHAPES, halo=HALOS, align=st.integers(1, 3))
def test_an_aligned_tile_gives_up_less_than_a_cell_of_its_halo(shape, block, halo, align):
    wide = tuple(reach + align - 1 for reach in halo)
    for box in regions(shape, block):
        read, keep = with_halo(box, wide, shape, align)
        for r, k, b, size, reach in zip(read, keep, box, shape, halo, strict=True):
            assert r.start % align == 0
            assert r.stop % align == 0 or r.stop == size
            assert r.start <= max(b.start - reach, 0)
            assert r.stop >= min(b.stop + reach, size)
            assert (r.start + k.start, r.start + k.stop) == (b.start, b.stop)
