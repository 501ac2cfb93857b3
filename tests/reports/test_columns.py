"""Tall pictures on paper: cut where their parts meet, each piece a picture of its own."""

import re
from xml.etree import ElementTree

import pytest

from prom_service.reports.drawing import Part, stacked
from prom_service.reports.forms.columns import columns


def test_a_tall_picture_stands_in_columns_cut_where_its_parts_meet():
    head, parts = Part(24, ["<b/>"]), [Part(178, [f'<a id="{number}"/>']) for number in range(5)]

    pieces = columns(stacked("tall", "Tall", "Five parts.", parts, head))

    assert [re.findall(r'<a id="(\d)"/>', piece) for piece in pieces] == [["0", "1"], ["2", "3"], ["4"]]
    assert [piece.count("<b/>") for piece in pieces] == [1, 1, 1]
    assert [re.findall(r'viewBox="0 0 400 (\d+)"', piece) for piece in pieces] == [["380"], ["380"], ["202"]]
    assert [re.findall(r"translate\(0 (\d+)\)", piece) for piece in pieces] == [["0", "24", "202"]] * 2 + [["0", "24"]]
    for piece in pieces:
        ElementTree.fromstring(piece)


@pytest.mark.parametrize("height", [100, 203])
def test_a_picture_that_fits_is_left_as_it_is(height):
    picture = stacked("low", "Low", "Two parts.", [Part(height, ["<a/>"])] * 2, Part(24, ["<b/>"]))

    assert columns(picture) == [picture]
