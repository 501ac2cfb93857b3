"""Tables of answers as text: what is read, what is refused, and what comes out."""

import csv
import io

import pytest

import instruments
from instruments import table
from instruments.errors import BadCell, BadTableError

PSFS = instruments.find("psfs-1.0")
VAS = instruments.find("ihot-12-1.0")
HEADER = "id,Q1,Q2,Q3,Q4,Q5\n"


def read(text: str, instrument: instruments.Instrument = PSFS) -> table.AnswerTable:
    return table.read_table(instrument, io.StringIO(text, newline=""))


def refused(text: str, instrument: instruments.Instrument = PSFS) -> tuple[BadCell, ...]:
    with pytest.raises(BadTableError) as error:
        read(text, instrument)
    return error.value.cells


def places(cells: tuple[BadCell, ...]) -> list[tuple[int, str]]:
    return [(cell.row, cell.column) for cell in cells]


def test_the_scores_stand_beside_the_columns_as_they_came() -> None:
    text = HEADER + 'a,5,10,,,\n"b, c",,,,,\nd,1,2,2,,\n'

    scored = list(table.score_table(PSFS, read(text)))

    assert scored == [
        ["id", "Q1", "Q2", "Q3", "Q4", "Q5", "total", "total_answered"],
        ["a", "5", "10", "", "", "", "7.5", "2"],
        ["b, c", "", "", "", "", "", "", "0"],
        ["d", "1", "2", "2", "", "", repr(5 / 3), "3"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffQ1,Q2,Q3,Q4,Q5\n5,10,,,\n",
        "\ufeff" + HEADER + "a,5,10,,,\n",
        HEADER.replace(",", ";") + "a;5;10;;;\r\n",
        '"id",Q5,Q4,Q3,Q2,Q1\na,,,,10,5\n\n',
        HEADER + "a, 5 ,010,  ,+0,\n",
    ],
)
def test_a_table_is_read_however_it_was_saved(text: str) -> None:
    codes = read(text).codes[0].tolist()

    assert codes[:2] == [5, 10]
    assert set(codes[2:]) <= {0, instruments.SKIPPED}


def test_na_is_kept_apart_from_skipped() -> None:
    header = ",".join(VAS.item_codes)

    codes = read(f"{header}\n1,2,3,4,NA,,7,8,9,10,11,12\n", VAS).codes

    assert codes[0].tolist() == [1, 2, 3, 4, instruments.NOT_APPLICABLE, instruments.SKIPPED, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    "cell", ["11", "-1", "3.0", "x", "1e1", "NA", "na", "nan", "1_0", "٣", "9" * 5000, "=1+1", "0x1"]
)
def test_a_cell_that_is_not_an_answer_is_refused(cell: str) -> None:
    cells = refused(f"{HEADER}a,1,{cell},1,1,1\n")

    assert places(cells) == [(2, "Q2")]
    assert cells[0].allowed == "a whole number from 0 to 10"
    assert cell not in cells[0].problem


def test_every_bad_cell_is_listed_in_the_order_of_the_rows() -> None:
    cells = refused(HEADER + "a,11,,,,x\nb,1,1,1,1,1\nc,,99,,,\n")

    assert places(cells) == [(2, "Q1"), (2, "Q5"), (4, "Q2")]
    assert str(cells[0]) == "row 2, column Q1: out of range; allowed: a whole number from 0 to 10"


def test_empty_lines_are_passed_over_but_counted() -> None:
    assert places(refused(HEADER + "\na,11,,,,\n")) == [(3, "Q1")]


def test_a_missing_item_column_is_an_error() -> None:
    cells = refused("id,Q1,Q2,Q4\na,1,1,1\n")

    assert [(cell.column, cell.problem) for cell in cells] == [
        ("Q3", "the column is missing"),
        ("Q5", "the column is missing"),
    ]


@pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
def test_an_empty_file_misses_every_column(text: str) -> None:
    assert [column for _, column in places(refused(text))] == list(PSFS.item_codes)


def test_an_item_column_may_not_come_twice() -> None:
    assert places(refused("Q1,Q1,Q2,Q3,Q4,Q5\n1,1,1,1,1,1\n")) == [(1, "Q1")]


def test_a_carried_column_may_not_stand_in_the_way_of_a_score() -> None:
    assert places(refused("total,Q1,Q2,Q3,Q4,Q5\n1,1,1,1,1,1\n")) == [(1, "total")]


def test_an_uneven_row_is_an_error() -> None:
    cells = refused(HEADER + "a,1,1\nb,1,1,1,1,1,1\n")

    assert places(cells) == [(2, ""), (3, "")]


@pytest.mark.parametrize("text", [HEADER + 'a,"1,1,1,1,1\n', HEADER + '"a"b,1,1,1,1,1\n', HEADER + "a" * 200_000])
def test_a_file_that_is_no_table_is_an_error(text: str) -> None:
    assert refused(text)


def test_a_line_of_another_encoding_is_an_error() -> None:
    stream = io.TextIOWrapper(io.BytesIO(HEADER.encode() + b"\xff\xfe,1,1,1,1,1\n"), encoding="utf-8", newline="")

    with pytest.raises(BadTableError, match="cannot be read"):
        table.read_table(PSFS, stream)


def test_a_header_alone_is_an_empty_table() -> None:
    assert list(table.score_table(PSFS, read(HEADER))) == [
        ["id", "Q1", "Q2", "Q3", "Q4", "Q5", "total", "total_answered"]
    ]


def test_a_table_scores_as_its_rows_do() -> None:
    hoos = instruments.find("hoos-2.0")
    rows = [{code: (place + row) % 5 for place, code in enumerate(hoos.item_codes)} for row in range(5)]
    text = io.StringIO()
    writer = csv.DictWriter(text, hoos.item_codes)
    writer.writeheader()
    writer.writerows(rows)

    header, *scored = table.score_table(hoos, read(text.getvalue(), hoos))

    for answers, cells in zip(rows, scored, strict=True):
        alone = instruments.score(hoos, answers)
        assert {key: float(cells[header.index(key)]) for key in alone} == {key: s.value for key, s in alone.items()}
