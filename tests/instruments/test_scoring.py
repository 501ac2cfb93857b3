"""How answers become scores: missing rules at their edges, what does not apply, one core for one and for many."""

import numpy as np
import pytest

import instruments
from instruments import Instrument, Item, Scale
from instruments.definition import LinearMap
from instruments.errors import InvalidAnswersError, InvalidCodesError

# The number of answered items that each scale needs when every item applies, from the published rules.
NEEDED = {
    ("hoos-2.0", "symptoms"): 3,
    ("hoos-2.0", "pain"): 5,
    ("hoos-2.0", "adl"): 9,
    ("hoos-2.0", "sport"): 2,
    ("hoos-2.0", "qol"): 2,
    ("hoos-12-1.0", "pain"): 2,
    ("hoos-12-1.0", "function"): 2,
    ("hoos-12-1.0", "qol"): 2,
    ("hoos-ps-1.0", "function"): 5,
    ("hoos-jr-1.0", "total"): 6,
    ("hagos-1.0", "symptoms"): 4,
    ("hagos-1.0", "pain"): 5,
    ("hagos-1.0", "adl"): 3,
    ("hagos-1.0", "sport"): 4,
    ("hagos-1.0", "participation"): 2,
    ("hagos-1.0", "qol"): 3,
    ("ihot-33-1.0", "total"): 17,
    ("ihot-12-1.0", "total"): 6,
    ("nprs-1.0", "total"): 1,
    ("groc-1.0", "total"): 1,
    ("pass-1.0", "total"): 1,
    ("psfs-1.0", "total"): 1,
    ("s-lanss-1.0", "total"): 7,
}


def first_answers(instrument: Instrument, scale: Scale, count: int) -> dict[str, object]:
    """Answers to the first `count` items of a scale, each at the bad end or the highest code."""
    return {code: instrument.item(code).maximum for code in scale.items[:count]}


def test_every_scale_of_items_is_held_to_its_rule() -> None:
    shipped = {(i.ref, scale.key) for i in instruments.all_instruments() for scale in i.scales if scale.items}

    assert shipped == set(NEEDED)


@pytest.mark.parametrize(("ref", "key"), NEEDED)
def test_a_scale_with_just_enough_answers_is_scored_and_with_one_fewer_is_missing(ref: str, key: str) -> None:
    instrument, needed = instruments.find(ref), NEEDED[ref, key]
    scale = instrument.scale(key)

    enough = instruments.score(instrument, first_answers(instrument, scale, needed))[key]
    too_few = instruments.score(instrument, first_answers(instrument, scale, needed - 1))[key]

    assert (enough.value is not None, enough.answered) == (True, needed)
    assert (too_few.value, too_few.answered) == (None, needed - 1)
    assert enough.items == enough.applicable == len(scale.items)


@pytest.mark.parametrize("missing", ["pain", "function", "qol"])
def test_the_hoos_12_summary_needs_all_three_scales(missing: str) -> None:
    instrument = instruments.find("hoos-12-1.0")
    answers = {code: 1 for scale in instrument.scales for code in scale.items[:2]}

    whole = instruments.score(instrument, answers)["summary"]
    without = {code: 1 for code in answers if code != instrument.scale(missing).items[0]}
    broken = instruments.score(instrument, without)["summary"]

    assert (whole.value, whole.answered, whole.items) == (75.0, 6, 12)
    assert (broken.value, broken.answered) == (None, 5)


@pytest.mark.parametrize(
    ("ref", "not_applicable", "needed"),
    [("ihot-12-1.0", count, needed) for count, needed in enumerate([6, 6, 5, 5, 4])]
    + [("ihot-33-1.0", count, needed) for count, needed in enumerate([17, 16, 16, 15, 15, 14, 14])],
)
def test_an_item_that_does_not_apply_leaves_the_denominator(ref: str, not_applicable: int, needed: int) -> None:
    instrument = instruments.find(ref)
    optional = [item.code for item in instrument.items if item.na_allowed][:not_applicable]
    others = [code for code in instrument.item_codes if code not in optional]
    set_aside: dict[str, object] = dict.fromkeys(optional, "NA")

    enough = instruments.score(instrument, set_aside | dict.fromkeys(others[:needed], 40))["total"]
    too_few = instruments.score(instrument, set_aside | dict.fromkeys(others[: needed - 1], 40))["total"]

    assert (enough.value, enough.answered, enough.applicable) == (40.0, needed, len(others))
    assert too_few.value is None


def test_a_skipped_item_stays_in_the_denominator() -> None:
    instrument = instruments.find("ihot-12-1.0")
    five: dict[str, object] = dict.fromkeys(["Q1", "Q2", "Q3", "Q4", "Q7"], 40)

    skipped = instruments.score(instrument, five)["total"]
    set_aside = instruments.score(instrument, five | {"Q5": "NA", "Q6": "NA"})["total"]

    assert skipped.value is None
    assert set_aside.value == 40.0


def test_nothing_answered_is_missing_and_never_zero() -> None:
    for instrument in instruments.all_instruments():
        scores = instruments.score(instrument, {})

        assert all((score.value, score.answered) == (None, 0) for score in scores.values())


def test_a_score_is_not_rounded() -> None:
    instrument = instruments.find("hoos-2.0")

    score = instruments.score(instrument, dict.fromkeys(instrument.scale("adl").items, 1) | {"A1": 2})["adl"]

    assert score.value == (400 * 17 - 100 * 18) / (4 * 17)


def test_a_score_says_which_end_is_best() -> None:
    pain = instruments.score(instruments.find("nprs-1.0"), {"Q1": 10})["total"]
    change = instruments.score(instruments.find("groc-1.0"), {"Q1": -7})["total"]

    assert (pain.value, pain.best, pain.worst) == (10.0, 0.0, 10.0)
    assert (change.value, change.best, change.worst) == (-7.0, 7.0, -7.0)


def test_s_lanss_weighs_its_items() -> None:
    instrument = instruments.find("s-lanss-1.0")
    none = dict.fromkeys(instrument.item_codes, 0)

    points = [instruments.score(instrument, none | {code: 1})["total"].value for code in instrument.item_codes]

    assert points == [5, 5, 3, 2, 1, 5, 3]


def test_the_safety_questions_have_no_score() -> None:
    assert instruments.score(instruments.find("safety-1.0"), {"R1": 1}) == {}


def test_short_forms_can_be_scored_from_the_full_questionnaire() -> None:
    hoos = instruments.find("hoos-2.0")
    answers = dict.fromkeys(hoos.item_codes, 0) | {"P5": 4, "A3": 4, "A12": 3, "A1": 1, "SP2": 4}

    derived = {
        form.ref: instruments.score(form, {code: answers[code] for code in form.item_codes})
        for form in instruments.derived_from(hoos)
    }

    assert derived["hoos-jr-1.0"]["total"].value == 55.985
    assert derived["hoos-ps-1.0"]["function"].value == 80.0
    assert derived["hoos-12-1.0"]["summary"].value == pytest.approx(100 - 25 * 8 / 12)


def made_up(scale: Scale, *, items: int, lowest: int, highest: int) -> Instrument:
    """An instrument of number items Q1, Q2 … with one scale."""
    questions = [
        Item(f"Q{n}", "text", "section", "nrs", lowest, highest, low_label="low", high_label="high")
        for n in range(1, items + 1)
    ]
    words = dict.fromkeys(("recall", "intro", "source", "licence"), "words")
    return Instrument(
        "made-up", "1.0", "Made up", **words, wording="own", language="en", items=tuple(questions), scales=(scale,)
    )


def test_items_that_count_from_1_are_mapped_from_1() -> None:
    line = LinearMap(from_low=1, from_high=5, to_low=0, to_high=100)
    scale = Scale("total", "Total", "mean", 0.0, 100.0, 100.0, items=("Q1", "Q2"), min_answered=1, linear=line)
    instrument = made_up(scale, items=2, lowest=1, highest=5)

    values = [instruments.score(instrument, {"Q1": code, "Q2": 5})["total"].value for code in (1, 2, 5)]

    assert values == [50.0, 62.5, 100.0]


def test_a_scale_takes_its_own_items_wherever_they_stand() -> None:
    scale = Scale("total", "Total", "sum", 0.0, 20.0, 20.0, items=("Q4", "Q1"), min_answered=2)
    instrument = made_up(scale, items=4, lowest=0, highest=10)

    score = instruments.score(instrument, {"Q1": 3, "Q2": 10, "Q3": 10, "Q4": 4})["total"]

    assert (score.value, score.answered) == (7.0, 2)


@pytest.mark.parametrize("code", [42, 43, 100])
def test_a_sum_may_be_larger_than_a_byte_holds(code: int) -> None:
    scale = Scale("total", "Total", "mean", 0.0, 100.0, 100.0, items=("Q1", "Q2", "Q3"), min_answered_share=0.5)
    instrument = made_up(scale, items=3, lowest=0, highest=100)

    whole = instruments.score(instrument, dict.fromkeys(scale.items, code))["total"]
    partial = instruments.score(instrument, dict.fromkeys(scale.items[:2], code))["total"]

    assert (whole.value, partial.value) == (code, code)


def test_bad_answers_are_refused_by_name() -> None:
    with pytest.raises(InvalidAnswersError) as refused:
        instruments.score(instruments.find("hoos-2.0"), {"S1": 5, "P1": True, "X9": 1, "A1": 0})

    assert list(refused.value.errors) == ["X9", "S1", "P1"]


@pytest.mark.parametrize("rows", [0, 1, 32768, 32769, 70000])
def test_rows_score_alike_whatever_the_length_of_the_table(rows: int) -> None:
    instrument = instruments.find("ihot-12-1.0")
    rng = np.random.default_rng(1)
    codes = rng.choice(np.array([instruments.SKIPPED, 0, 33, 100], dtype=np.int8), size=(rows, 12))

    whole = instruments.score_codes(instrument, codes)["total"]
    last = instruments.score_codes(instrument, codes[-1:])["total"]

    assert len(whole.values) == rows
    assert whole.values[-1:].tobytes() == last.values.tobytes()


def test_rows_score_alike_whatever_their_layout_in_memory() -> None:
    instrument = instruments.find("hoos-2.0")
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 5, size=(500, 40), dtype=np.int8)

    by_row = instruments.score_codes(instrument, np.ascontiguousarray(codes))
    by_column = instruments.score_codes(instrument, np.asfortranarray(codes))
    every_other = instruments.score_codes(instrument, np.repeat(codes, 2, axis=0)[::2])

    for key, scores in by_row.items():
        assert scores.values.tobytes() == by_column[key].values.tobytes() == every_other[key].values.tobytes()


@pytest.mark.parametrize("codes", [np.zeros((2, 39), np.int8), np.zeros((2, 40)), np.zeros(40, np.int8)])
def test_codes_of_another_shape_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(InvalidCodesError):
        instruments.score_codes(instruments.find("hoos-2.0"), codes)
