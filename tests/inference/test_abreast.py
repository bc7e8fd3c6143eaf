import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv3d
from torch.testing import assert_close

from medscience.inference.abreast import ALONE, Kernel, abreast, fits


@given(
    before=st.integers(1, 6),
    after=st.integers(1, 6),
    taps=st.sampled_from([1, 3, 5]),
    dilation=st.integers(1, 8),
    columns=st.sampled_from([1, 2, 4, 8]),
    wide=st.integers(1, 40),
    surrounded=st.booleans(),
    bias=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_columns_abreast_are_the_same_convolution(
    before, after, taps, dilation, columns, wide, surrounded, bias
):
    """With zeros around the columns, or with what lies beside them."""
    assume(fits(dilation, taps, columns))
    random = torch.Generator().manual_seed(wide)
    weight = torch.randn(after, before, 3, 3, taps, generator=random)
    shift = torch.randn(after, generator=random) if bias else None
    reach = taps // 2 * dilation
    beside = -(-reach // columns) * columns
    inner = torch.randn(2, before, 5, 6, wide + 2 * beside * surrounded, generator=random)
    windows = inner.contiguous(memory_format=torch.channels_last_3d)
    kernel = Kernel.of(weight, shift, (1, 2, dilation), columns)
    found = kernel(windows, (0, 2, 0 if surrounded else beside))
    part = slice(beside - reach, wide + beside + reach) if surrounded else slice(None)
    around = (0, 2, 0 if surrounded else reach)
    expected = conv3d(inner[..., part], weight, shift, padding=around, dilation=(1, 2, dilation))
    assert_close(found, expected, rtol=1e-4, atol=1e-4)


@given(channels=st.integers(1, 64))
def test_columns_fill_a_vector_and_no_more(channels):
    columns = abreast(channels)
    assert columns == ALONE or columns * channels <= 16 < 2 * columns * channels


def test_taps_between_blocks_are_not_taken_abreast():
    assert [dilation for dilation in range(1, 17) if fits(dilation, 3, 2)] == [1, *range(2, 17, 2)]
    assert [dilation for dilation in range(1, 17) if fits(dilation, 3, 4)] == [1, 2, 3, 4, 8, 12, 16]
