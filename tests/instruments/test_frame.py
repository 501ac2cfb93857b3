"""Frames of answers become frames of scores."""

import pandas as pd
import pytest

import instruments
from instruments.errors import BadTableError
from instruments.frame import score_frame

VAS = instruments.find("ihot-12-1.0")
HOOS = instruments.find("hoos-2.0")


def answered(**columns: list[object]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({code: columns.get(code, [50] * rows) for code in VAS.item_codes}, index=range(7, 7 + rows))


def test_a_frame_has_one_column_per_scale_and_one_for_its_answers() -> None:
    frame = pd.DataFrame([dict.fromkeys(HOOS.item_codes, 1) | {"clinic": "a"}], index=["x"])

    scores = score_frame(HOOS, frame)

    assert list(scores.columns[:4]) == ["symptoms", "symptoms_answered", "pain", "pain_answered"]
    assert scores.loc["x", ["pain", "pain_answered"]].tolist() == [75.0, 10]


@pytest.mark.parametrize("dtype", ["object", "Int64", "float64"])
def test_gaps_are_read_from_every_kind_of_column(dtype: str) -> None:
    frame = answered(Q1=[0, None])
    frame["Q1"] = frame["Q1"].astype(dtype)

    scores = score_frame(VAS, frame)

    assert scores["total"].tolist() == [550 / 12, 50.0]
    assert scores["total_answered"].tolist() == [12, 11]


def test_na_leaves_the_denominator_and_skipped_does_not() -> None:
    gaps: list[object] = [None]
    frame = answered(**dict.fromkeys(["Q1", "Q2", "Q3", "Q4", "Q7"], gaps), Q5=["NA"], Q6=[""])

    skipped = score_frame(VAS, frame)
    set_aside = score_frame(VAS, frame.assign(Q6=["NA"]))

    assert skipped["total"].isna().tolist() == [True]
    assert set_aside["total"].tolist() == [50.0]


@pytest.mark.parametrize("answer", [101, -1, 2.5, float("inf"), "50", "x", True, "NA", 10**30])
def test_what_is_not_an_answer_is_refused(answer: object) -> None:
    frame = answered(Q1=[50, answer])

    with pytest.raises(BadTableError) as refused:
        score_frame(VAS, frame)

    assert [(cell.row, cell.column) for cell in refused.value.cells] == [(3, "Q1")]


def test_a_column_of_true_and_false_is_refused() -> None:
    with pytest.raises(BadTableError):
        score_frame(VAS, answered(Q1=[True, False]))


def test_every_missing_column_is_named() -> None:
    with pytest.raises(BadTableError) as refused:
        score_frame(VAS, answered(Q1=[1]).drop(columns=["Q3", "Q9"]))

    assert [cell.column for cell in refused.value.cells] == ["Q3", "Q9"]


def test_a_frame_scores_as_its_rows_do() -> None:
    frame = pd.DataFrame([{code: (place * row) % 5 for place, code in enumerate(HOOS.item_codes)} for row in range(20)])

    scores = score_frame(HOOS, frame)

    for row, answers in frame.iterrows():
        alone = instruments.score(HOOS, {str(code): int(answer) for code, answer in answers.items()})
        assert {key: scores.loc[row, key] for key in alone} == {key: score.value for key, score in alone.items()}
