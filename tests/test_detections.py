"""The table of detections gives back what was put in."""

from hypothesis import given
from hypothesis import strategies as st

from medscience.antinode import Antinode
from medscience.detections import SCHEMA, Detection, as_table, from_table
from tests.test_antinode import ELLIPSES

DETECTIONS = st.builds(
    Detection,
    st.builds(Antinode, ELLIPSES, st.floats(0, 11), st.floats(0, 1)),
    st.floats(0, 5),
    st.floats(5, 12),
    st.integers(0, 10**6),
    st.none() | st.floats(0, 10),
)


@given(st.lists(DETECTIONS, max_size=5))
def test_a_table_gives_its_detections_back(detections):
    table = as_table(detections)
    assert table.schema == SCHEMA
    assert list(from_table(table)) == detections


def test_a_recording_in_which_nothing_was_found_has_a_table_of_the_same_columns():
    assert as_table([]).schema == SCHEMA
    assert as_table([]).num_rows == 0
