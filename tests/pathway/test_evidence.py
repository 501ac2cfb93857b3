"""What a judgement keeps, and how it explains itself."""

from dataclasses import replace

import pytest

from prom_service.pathway.evidence import demonstrated, judge_episode
from tests.pathway.builders import answers, episode


def judgement(baseline, response, *, pathway="hip-related-pain-1", checkpoint="3-months"):
    responses = {"baseline": baseline} if baseline else {}
    return judge_episode(episode({**responses, checkpoint: response}, pathway=pathway)).checkpoints[checkpoint]


def test_a_judgement_keeps_every_number_and_its_row():
    result = judgement(answers(ihot=40), answers(ihot=49.5, groc=3, content=0))

    evidence = result.evidence
    assert (result.outcome, evidence["step"]) == ("improved", "band_confirmed")
    assert (evidence["instrument"], evidence["scale"]) == ("ihot-12-1.0", "total")
    assert evidence["baseline"] == {
        "value": 40,
        "answered_at": "2026-03-02T10:00:00+00:00",
        "late": False,
        "partial": False,
    }
    assert evidence["current"]["value"] == 49.5
    assert (evidence["change"], evidence["headroom"], evidence["room_to_worsen"]) == (9.5, 60, 40)
    assert evidence["threshold"]["id"] == "ihot-12-total-mcii-cheng-2025"
    assert evidence["threshold"]["doi"] == "10.1177/03635465251325466"
    assert [row["id"] for row in evidence["criteria"]["borderline"]] == ["ihot-12-total-borderline-working"]
    assert evidence["criteria"]["worse"]["id"] == "ihot-12-total-worse-working"
    assert evidence["measurement_error"]["value"] == 17.22
    assert evidence["acceptable_state"]["value"] == 63
    assert (evidence["groc"], evidence["pass"]) == (3, False)
    assert (evidence["pathway"], evidence["rule_version"]) == ("hip-related-pain-1", result.rule_version)


def test_a_worse_judgement_names_the_row_of_worse():
    result = judgement(answers(ihot=40), answers(ihot=20))

    assert result.evidence["threshold"]["id"] == "ihot-12-total-worse-working"


def test_pain_keeps_its_change_in_points_and_in_per_cent():
    result = judgement(answers(nprs=7), answers(nprs=5), pathway="buttock-nerve-pain-1")

    pain = result.evidence["scales"][0]
    assert pain["change"] == 2
    assert pain["change_percent"] == pytest.approx(100 * 2 / 7)
    assert [(row["value"], row["unit"]) for row in pain["criteria"]["improved"]] == [(2, "points"), (30, "percent")]


def test_per_cent_of_nothing_is_not_a_number():
    result = judgement(answers(nprs=0), answers(nprs=0), pathway="buttock-nerve-pain-1")

    assert result.evidence["scales"][0]["change_percent"] is None


def test_a_missing_score_stays_missing_in_the_evidence():
    result = judgement(None, answers(ihot=None))

    assert result.evidence["baseline"] == {"value": None, "answered_at": None, "late": False}
    assert (result.evidence["current"]["value"], result.evidence["change"]) == (None, None)
    assert result.evidence["missing_scales"] == ["ihot-12-1.0 total"]


@pytest.mark.parametrize(
    ("baseline", "response", "reason"),
    [
        (None, answers(ihot=50), "iHOT-12 has no score from the start, so its change cannot be judged."),
        (
            answers(ihot=40, late=True),
            answers(ihot=50),
            "iHOT-12 was first answered too late to count as the start, so its change cannot be judged.",
        ),
        (answers(ihot=40), answers(ihot=None), "iHOT-12 has too few answers for a score."),
        (
            answers(ihot=40),
            answers(ihot=24.96),
            "iHOT-12 is 15.0 points worse since the start; 14 points or more count as worse.",
        ),
        (
            answers(ihot=10),
            answers(ihot=8, groc=-3),
            "iHOT-12 began near its worst end and is 2.0 points worse since, and the patient feels worse.",
        ),
        (
            answers(ihot=90),
            answers(ihot=82),
            "iHOT-12 began so near its best end that 14 points could hardly be gained and is 8.0 points worse since;"
            " this or the patient's own rating points to worse.",
        ),
        (
            answers(ihot=90),
            answers(ihot=92, groc=3),
            "iHOT-12 began so near its best end that 14 points could hardly be gained;"
            " the patient's own account says improved.",
        ),
        (
            answers(ihot=40),
            answers(ihot=55),
            "iHOT-12 is 15.0 points better since the start; improved needs at least 14 points.",
        ),
        (
            answers(ihot=40),
            answers(ihot=48),
            "iHOT-12 is 8.0 points better since the start, borderline below the 14 points needed;"
            " the patient's own account does not confirm it.",
        ),
        (
            answers(ihot=40),
            answers(ihot=41, groc=3, content=1),
            "iHOT-12 is 1.0 points better since the start, short of the 14 points needed, yet the patient"
            " reports being better and finds the present state acceptable: the two disagree.",
        ),
    ],
)
def test_the_reason_is_one_plain_sentence(baseline, response, reason):
    assert judgement(baseline, response).reason == reason


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (6, "1.0 points worse"),
        (5.06, "0.1 points worse"),
        (5.04, "unchanged"),
        (5, "unchanged"),
        (4.96, "unchanged"),
        (4, "1.0 points better"),
    ],
)
def test_more_pain_is_said_to_be_worse_and_less_to_be_better(now, moved):
    result = judgement(answers(nprs=5, psfs=5), answers(nprs=now, psfs=5), pathway="buttock-nerve-pain-1")

    assert f"Pain (0 to 10) is {moved} since the start" in result.reason


def test_scales_that_contradict_each_other_are_named():
    result = judgement(answers(nprs=5, psfs=5), answers(nprs=7, psfs=8), pathway="buttock-nerve-pain-1")

    assert result.outcome == "uncertain"
    assert result.reason == (
        "Pain (0 to 10) is 2.0 points worse since the start; 2 points or more count as worse;"
        " Patient-specific function improved: the two contradict each other."
    )


def test_the_criterion_of_pain_names_points_and_per_cent():
    result = judgement(answers(nprs=7), answers(nprs=7), pathway="buttock-nerve-pain-1")

    assert "improved needs at least 2 points and 30 % of the start" in result.reason


def test_a_checkpoint_not_answered_has_no_judgement():
    judged = judge_episode(episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=50)}))

    assert list(judged.checkpoints) == ["6-weeks"]


def test_the_first_response_that_demonstrates_improvement_is_kept():
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=54), "3-months": answers(ihot=70)})

    result = demonstrated(facts)

    assert (result.shown, result.timepoint) == (True, "6-weeks")
    assert result.why == "iHOT-12 was 14.0 points better at 6 weeks; improvement is demonstrated from 14 points on."
    assert result.evidence["threshold"]["id"] == "ihot-12-total-mcii-cheng-2025"


def test_function_with_the_patients_rating_names_that_rating():
    facts = episode(
        {"baseline": answers(pain=50, adl=50), "3-months": answers(pain=50, adl=60, groc=4)},
        pathway="hip-osteoarthritis-1",
    )

    result = demonstrated(facts)

    assert "with a rating of change of +4" in result.why
    assert result.evidence["groc_threshold"]["id"] == "groc-total-improved-hart-2011"


@pytest.mark.parametrize(
    ("responses", "why"),
    [
        ({"baseline": answers(ihot=40)}, "no follow-up has been answered"),
        ({"6-weeks": answers(ihot=40)}, "function could not be assessed"),
        ({"baseline": answers(ihot=40, late=True), "6-weeks": answers(ihot=90)}, "function could not be assessed"),
        (
            {"baseline": answers(ihot=40), "6-weeks": answers(ihot=50)},
            "no function scale reached its 3-month criterion",
        ),
    ],
)
def test_improvement_not_demonstrated_says_why(responses, why):
    result = demonstrated(episode(responses))

    assert not result.shown
    assert why in result.why


def test_wording_is_that_of_the_instruments_judged():
    response = answers(ihot=50, nprs=3)
    own_pain = replace(response, wordings={"ihot-12-1.0": "official", "nprs-1.0": "own"})

    result = judgement(answers(ihot=40), own_pain)

    assert (result.evidence["wording"], result.evidence["provisional_wording"]) == ("official", False)
