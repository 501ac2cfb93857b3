"""`prom score`: rows in, the same rows with their scores out, or every bad cell and nothing else."""

import csv
import io
from pathlib import Path

import pytest

import instruments
from tests.cli.conftest import Prom

JR = ("P5", "P10", "A3", "A5", "A12", "A14")
IHOT = tuple(f"Q{number}" for number in range(1, 13))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answers.csv"


def rows(text: str, mark: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=mark))


def test_the_same_rows_come_out_with_a_column_for_each_scale(prom: Prom, file: Path) -> None:
    file.write_text(f'id,{",".join(IHOT)},note\na,{",".join(["1", "2", "4"] * 4)},"x, y"\n')

    told = prom("score", "ihot-12-1.0", str(file))

    assert told.exit_code == 0
    assert rows(told.stdout) == [
        ["id", *IHOT, "note", "total", "total_answered"],
        ["a", *["1", "2", "4"] * 4, "x, y", "2.3333333333333335", "12"],
    ]


def test_too_few_answers_are_an_empty_score_and_na_leaves_the_denominator(prom: Prom, file: Path) -> None:
    just_enough = ["10"] * 6 + [""] * 6
    one_fewer = ["10"] * 5 + [""] * 7
    na = ["10"] * 4 + ["NA", "NA", "10", "NA", "NA", "", "", ""]
    file.write_text("\n".join(",".join(row) for row in (IHOT, just_enough, one_fewer, na)))

    told = prom("score", "ihot-12-1.0", str(file))

    assert [row[-2:] for row in rows(told.stdout)[1:]] == [["10.0", "6"], ["", "5"], ["10.0", "5"]]


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda one: one.ref)
def test_every_instrument_is_scored_as_the_core_does(
    prom: Prom, file: Path, instrument: instruments.Instrument
) -> None:
    answers = {item.code: item.minimum + number % 2 for number, item in enumerate(instrument.items)}
    file.write_text(f"{','.join(answers)}\n{','.join(map(str, answers.values()))}\n")

    told = prom("score", instrument.ref, str(file))

    header, row = rows(told.stdout)
    shown = dict(zip(header, row, strict=True))
    for key, score in instruments.score(instrument, answers).items():
        assert (float(shown[key]), int(shown[f"{key}_answered"])) == (score.value, score.answered)


def test_every_bad_cell_is_listed_and_nothing_is_written(prom: Prom, file: Path, tmp_path: Path) -> None:
    file.write_text(f"{','.join(JR)}\n0,1,2,3,4,0\n5,x,NA,1.5,,-1\n")
    out = tmp_path / "scores.csv"

    told = prom("score", "hoos-jr-1.0", str(file), "-o", str(out))

    named = [line.split()[:2] for line in told.stderr.splitlines()[1:-1]]
    assert (told.exit_code, told.stdout, out.exists()) == (1, "", False)
    assert named == [["3", column] for column in ("P5", "P10", "A3", "A5", "A14")]


def test_a_missing_item_column_is_an_error_that_names_it(prom: Prom, file: Path) -> None:
    file.write_text(f"{','.join(JR[:-1])}\n0,1,2,3,4\n")

    told = prom("score", "hoos-jr-1.0", str(file))

    assert (told.exit_code, "A14" in told.stderr) == (1, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_comma_semicolon_and_byte_order_mark_are_read(prom: Prom, file: Path, encoding: str, mark: str) -> None:
    file.write_bytes(f"{mark.join(('näme', *JR))}\r\n{mark.join(('José', *'000000'))}\r\n".encode(encoding))

    told = prom("score", "hoos-jr-1.0", str(file))

    assert rows(told.stdout, mark) == [["näme", *JR, "total", "total_answered"], ["José", *"000000", "100.0", "6"]]


def test_another_encoding_is_refused(prom: Prom, file: Path) -> None:
    file.write_bytes(f"{','.join(JR)},name\n0,0,0,0,0,0,José\n".encode("latin-1"))

    told = prom("score", "hoos-jr-1.0", str(file))

    assert (told.exit_code, told.stderr) == (1, "Error: Row 2 is not UTF-8. Save the file as UTF-8.\n")


def test_a_file_takes_its_place_when_it_is_complete(prom: Prom, file: Path, tmp_path: Path) -> None:
    file.write_text(f"{','.join(JR)}\n0,0,0,0,0,0\n")
    out = tmp_path / "scores.csv"

    told = prom("score", "hoos-jr-1.0", str(file), "-o", str(out))

    assert (told.exit_code, told.stdout) == (0, "")
    assert rows(out.read_text()) == [[*JR, "total", "total_answered"], [*"000000", "100.0", "6"]]
    assert sorted(tmp_path.glob("*scores*")) == [out]


def test_answers_may_come_from_standard_input(prom: Prom) -> None:
    told = prom("score", "hoos-jr-1.0", "-", text=f"{','.join(JR)}\n0,0,0,0,0,0\n")

    assert rows(told.stdout)[1][-2:] == ["100.0", "6"]


def test_a_header_alone_gives_a_header(prom: Prom, file: Path) -> None:
    file.write_text(f"{','.join(JR)}\n")

    told = prom("score", "hoos-jr-1.0", str(file))

    assert (told.exit_code, rows(told.stdout)) == (0, [[*JR, "total", "total_answered"]])


@pytest.mark.parametrize("arguments", [("hoos-9.9", "-"), ("hoos-jr-1.0", "no-such-file.csv"), ("hoos-jr-1.0",)])
def test_an_unknown_instrument_or_file_is_wrong_use(prom: Prom, arguments: tuple[str, ...]) -> None:
    assert prom("score", *arguments).exit_code == 2
