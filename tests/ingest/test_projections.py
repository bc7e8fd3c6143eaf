"""Projections become line integrals, each with its own row of the geometry and its own breath."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.ingest.panel import read_panel
from tests.ingest.panels import WRITERS
from tests.ingest.scans import I0, PITCH, SHAPE, circle, counts, table, write_scan, write_stack


def whole(source):
    return np.concatenate(list(source.slabs(7)))


def codes(source):
    return {repair.code for repair in source.repairs}


@pytest.mark.parametrize("ending", [".hnd", ".xim"])
@given(
    picture=arrays(
        np.int32, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.integers(-(2**24), 2**24)
    )
)
@settings(max_examples=40)
def test_packed_pictures_come_back(tmp_path_factory, ending, picture):
    path = tmp_path_factory.mktemp("panel") / f"view_1{ending}"
    if ending == ".hnd" and (picture.shape[0] - 1) * picture.shape[1] % 4:
        return  # its table of lengths is of whole bytes
    path.write_bytes(WRITERS[ending](picture))
    assert_array_equal(read_panel(path).pixels, picture)


@pytest.mark.parametrize("ending", WRITERS)
def test_no_part_of_a_picture_reads_as_a_whole(tmp_path, ending):
    """A file that was cut anywhere is refused, and never a crash."""
    content = WRITERS[ending](counts(1, shape=(8, 8))[0])
    path = tmp_path / f"view_1{ending}"
    spare = 1 if ending == ".hnd" else 0  # its last byte packs no pixel
    for length in range(len(content) - spare):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_panel(path)


def test_counts_become_line_integrals_by_beer_and_lambert(tmp_path):
    stack = counts()
    source = open_source(*write_scan(tmp_path, stack))
    assert source.shape == (30, 1, *SHAPE)
    assert_allclose(whole(source), np.log(I0 / stack.astype(float)), atol=1e-5)
    assert source.meaning.space == "own"
    assert source.meaning.geometry.spacing[1:] == PITCH
    centre = source.meaning.geometry.world((0, (SHAPE[0] - 1) / 2, (SHAPE[1] - 1) / 2))
    assert_allclose(centre[:2], 0, atol=1e-9)


def test_air_measured_inverted_or_divided_already_is_the_same_scan(tmp_path):
    stack = counts()
    plain = whole(open_source(*write_scan(tmp_path / "a", stack)))
    turned = write_scan(
        tmp_path / "b", (65536 - stack.astype(int)).astype(np.uint16), values="inverted-counts"
    )
    assert_allclose(whole(open_source(*turned)), plain, atol=1e-6)
    write_stack(tmp_path / "c-air.mha", np.full((2, *SHAPE), I0, np.uint16))
    path, acquisition = write_scan(tmp_path / "c", stack, i0=None, air="air.mha")
    (tmp_path / "c-air.mha").rename(tmp_path / "c" / "air.mha")
    assert_allclose(whole(open_source(path, acquisition)), plain, atol=1e-6)
    ready = np.log(I0 / stack.astype(float)).astype(np.float32)
    path = write_scan(tmp_path / "d", ready, values="line-integrals", i0=None)
    assert_allclose(whole(open_source(*path)), plain, atol=1e-6)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_folder_is_matched_by_number_and_never_by_order(tmp_path, ending):
    """A view that is missing takes its own row of the geometry with it."""
    shape = (16, 16)
    stack = counts(shape=shape)
    views = circle(30)
    _, acquisition = write_scan(tmp_path, stack, views)
    folder = tmp_path / "views"
    folder.mkdir()
    for n, view in enumerate(stack, start=1):
        if n != 12:
            (folder / f"Proj_{n}_1.2.3{ending}").write_bytes(WRITERS[ending](view))
    source = open_source(folder, acquisition)
    angles = source.facts["scan"]["views"]["gantry_deg"]
    assert_array_equal(angles, np.delete(views.gantry_deg, 11))
    assert_allclose(whole(source), np.log(I0 / np.delete(stack, 11, axis=0).astype(float)), atol=1e-5)
    assert codes(source) == {"PROJECTIONS-MISSING"}


def test_a_copy_leaves_with_its_row(tmp_path):
    stack = counts()
    stack[20] = stack[19]
    source = open_source(*write_scan(tmp_path, stack))
    assert len(whole(source)) == 29
    assert 240.0 not in source.facts["scan"]["views"]["gantry_deg"]
    assert codes(source) == {"PROJECTIONS-COPY"}


def test_dark_and_saturated_pixels_are_counted(tmp_path):
    stack = counts()
    stack[3, 4, 5:8] = 0
    stack[3, 4, 9] = 65535
    source = open_source(*write_scan(tmp_path, stack))
    found = whole(source)
    assert_allclose(found[3, 4, 5:8], 12, atol=1e-4)
    assert codes(source) == {"PROJECTIONS-DARK", "PROJECTIONS-SATURATED"}


def test_a_signal_of_its_own_clock_is_read_at_the_views_times(tmp_path):
    clock = np.arange(0, 10, 0.04)
    signal = table(time_s=clock, amplitude=np.sin(clock), phase=np.mod(clock / 4, 1))
    source = open_source(*write_scan(tmp_path, breathing=signal, inhale="high", views_per_second=4))
    breath = source.facts["scan"]["breathing"]
    times = np.arange(30) / 4
    assert_allclose(breath["time_s"], times)
    assert_allclose(breath["amplitude"], np.sin(times), atol=1e-3)
    distance = np.abs(np.array(breath["phase"]) - np.mod(times / 4, 1))
    assert np.minimum(distance, 1 - distance).max() < 1e-4


def test_views_within_a_gap_of_the_signal_have_no_breath(tmp_path):
    clock = np.arange(0, 10, 0.04)
    clock = clock[(clock < 3) | (clock > 5)]
    signal = table(time_s=clock, amplitude=np.sin(clock))
    source = open_source(*write_scan(tmp_path, breathing=signal, inhale="low", views_per_second=4))
    unknown = [value is None for value in source.facts["scan"]["breathing"]["amplitude"]]
    assert_array_equal(np.flatnonzero(unknown), np.arange(12, 21))
    assert codes(source) == {"BREATHING-GAP"}


def test_a_row_for_each_view_needs_no_clock(tmp_path):
    phases = np.mod(np.arange(30) / 9, 1)
    source = open_source(*write_scan(tmp_path, breathing=table(phase=phases)))
    assert_allclose(source.facts["scan"]["breathing"]["phase"], phases, atol=1e-6)


def test_phases_of_a_folder_are_in_the_order_of_their_numbers(tmp_path):
    import SimpleITK as sitk

    for phase in (0, 10, 100, 20):
        image = sitk.GetImageFromArray(np.full((3, 4, 5), phase, np.int16))
        (tmp_path / "4d" / str(phase)).mkdir(parents=True)
        sitk.WriteImage(image, tmp_path / "4d" / str(phase) / "volume.mha")
    told = tmp_path / "phases.yaml"
    told.write_text("phases: true\n")
    source = open_source(tmp_path / "4d", told)
    assert source.meaning.axes == "tzyx"
    assert source.meaning.time_step is None
    assert_array_equal(whole(source).reshape(4, -1)[:, 0], [0, 10, 20, 100])
