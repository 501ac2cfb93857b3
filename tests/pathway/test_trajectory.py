"""Changes since the start, better always positive."""

from prom_service.pathway.trajectory import change_from_baseline, trajectories
from tests.pathway.builders import answers, episode


def changes(facts, instrument):
    [found] = [course for course in trajectories(facts) if course.instrument == instrument]
    return [point.change for point in found.points]


def test_better_is_positive_whichever_end_of_the_scale_is_best():
    facts = episode(
        {"baseline": answers(nprs=7, psfs=3), "6-weeks": answers(nprs=5, psfs=4.5)}, pathway="buttock-nerve-pain-1"
    )

    assert changes(facts, "nprs-1.0") == [None, 2]
    assert changes(facts, "psfs-1.0") == [None, 1.5]


def test_change_counts_from_the_baseline_and_never_from_the_first_score_there_is():
    facts = episode({"6-weeks": answers(ihot=40), "3-months": answers(ihot=60)})

    assert changes(facts, "ihot-12-1.0") == [None, None]


def test_a_late_baseline_is_shown_and_gives_no_change():
    facts = episode({"baseline": answers(ihot=40, late=True), "6-weeks": answers(ihot=60)})

    [course] = trajectories(facts)

    assert [(point.value, point.late, point.change) for point in course.points] == [(40, True, None), (60, False, None)]


def test_a_missing_score_is_a_point_without_value_or_change():
    facts = episode({"baseline": answers(ihot=40), "6-weeks": answers(ihot=None), "3-months": answers(ihot=50)})

    assert changes(facts, "ihot-12-1.0") == [None, None, 10]


def test_ratings_of_change_have_points_but_no_change():
    facts = episode({"6-weeks": answers(ihot=40, groc=2), "3-months": answers(ihot=40, groc=5)})

    assert changes(facts, "groc-1.0") == [None, None]


def test_nothing_is_rounded():
    facts = episode({"baseline": answers(ihot=40)})
    measure = facts.pathway.primary[0].measure

    assert change_from_baseline(measure, 100 / 3, 200 / 3) == 200 / 3 - 100 / 3
