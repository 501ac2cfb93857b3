"""The database finds improvement demonstrated exactly where the rules of the pathway do."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from prom_service.models import Episode
from prom_service.pathway import evidence
from prom_service.pathway.definition import find
from prom_service.queries.facts import load_episodes
from prom_service.reports import ReportQuery, denominators
from prom_service.reports.cohort import Cohort
from prom_service.reports.demonstration import demonstrations
from tests.reports.builders import Record, instant
from tests.reports.cohort import AS_OF, START

DAY = dt.timedelta(days=1)
WEEKS_6, MONTHS_3 = START + 42 * DAY, START + 91 * DAY
PATHWAYS = ("hip-related-pain-1", "hip-osteoarthritis-1", "buttock-nerve-pain-1")
SCALES = {"ihot-12-1.0": "total", "hoos-2.0": "adl", "psfs-1.0": "total"}
ACTIVITIES = ("Stairs", "Socks")
STEPS = {"psfs-1.0": (0, 1, 2.2, 2.3, 2.4, 4), "ihot-12-1.0": (-3, 0, 13.9, 14, 14.1, 30)}
HOOS_STEPS = (0, 9, 10, 12, 12.5, 20)


@pytest.fixture
def clinic(record):
    return record.clinic(record.organisation())


def shown(session, clinic, as_of: dt.datetime = AS_OF) -> dict:
    """Return day and wording by the external id of each episode with improvement demonstrated."""
    cohort = Cohort(session, ReportQuery((clinic.id,), None, dt.date(2026, 1, 1), dt.date(2026, 7, 1), as_of))
    found = demonstrations(cohort, denominators.administrations(cohort).asked)
    rows = session.execute(sa.select(found.c.episode_id, found.c.on, found.c.wording))
    return {episode: (on, wording) for episode, on, wording in rows}


def an_episode(record: Record, clinic, *, baseline: float | None, **scores: float):
    episode = record.episode(clinic, START)
    if baseline is not None:
        record.answers(episode, "baseline", instant(START), value=baseline)
    for timepoint, on in (("6-weeks", WEEKS_6), ("3-months", MONTHS_3)):
        if timepoint[2:] in scores:
            record.answers(episode, timepoint, instant(on), value=scores[timepoint[2:]])
    return episode


@pytest.mark.parametrize(
    ("baseline", "scores", "on"),
    [
        (40.0, {"weeks": 54.0, "months": 41.0}, WEEKS_6),  # Once demonstrated, a later dip does not undo it.
        (40.0, {"weeks": 53.9, "months": 54.0}, MONTHS_3),
        (40.0, {"weeks": 60.0, "months": 70.0}, WEEKS_6),
        (40.1, {"weeks": 54.1}, WEEKS_6),  # 54.1 − 40.1 is 13.999999999999996 in floating point.
        (40.0, {"weeks": 53.9}, None),
        (None, {"weeks": 90.0}, None),
    ],
)
def test_the_first_response_that_reaches_the_criterion_demonstrates_improvement(
    session, record, clinic, baseline, scores, on
):
    episode = an_episode(record, clinic, baseline=baseline, **scores)

    assert shown(session, clinic).get(episode.id) == (on and (on, "official"))


def test_a_late_baseline_demonstrates_nothing(session, record, clinic):
    episode = an_episode(record, clinic, baseline=None, weeks=90.0)
    record.answers(episode, "baseline", instant(START + 10 * DAY), value=20.0)

    assert shown(session, clinic) == {}


def test_own_wording_at_either_end_is_provisional(session, record, clinic):
    episode = an_episode(record, clinic, baseline=40.0)
    record.answers(episode, "6-weeks", instant(WEEKS_6), value=60.0, wording="own")

    assert shown(session, clinic)[episode.id] == (WEEKS_6, "own")


def test_the_day_is_that_of_the_clinic_when_the_patient_answered(session, record, clinic):
    clinic.time_zone = "America/New_York"
    episode = an_episode(record, clinic, baseline=40.0)
    at = dt.datetime(2026, 2, 22, 1, tzinfo=dt.UTC)  # The evening before, at the clinic.
    record.answers(episode, "6-weeks", at, value=60.0)

    assert shown(session, clinic)[episode.id][0] == dt.date(2026, 2, 21)


def test_what_came_later_is_not_known_yet(session, record, clinic):
    episode = an_episode(record, clinic, baseline=40.0, weeks=60.0)

    assert shown(session, clinic, as_of=instant(WEEKS_6) - dt.timedelta(seconds=1)) == {}
    assert episode.id in shown(session, clinic, as_of=instant(WEEKS_6))


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_random_courses_are_read_as_the_rules_read_them(session, record, clinic, full, pathway):
    chance = random.Random(pathway)
    for _ in range(400 if full else 25):
        _a_random_course(record, clinic, pathway, chance)
    session.flush()

    found = shown(session, clinic)

    loaded = load_episodes(session, session.scalars(sa.select(Episode.id)).all())
    expected = {}
    for one in loaded:
        judged = evidence.demonstrated(one.facts)
        if judged.shown:
            on = judged.answered_at.astimezone(ZoneInfo(clinic.time_zone)).date()
            expected[one.id] = (on, "official" if judged.evidence["wording"] == "official" else "own")
    assert found == expected
    assert 0 < len(expected) < len(loaded)


def _a_random_course(record: Record, clinic, pathway: str, chance: random.Random) -> None:
    episode = record.episode(clinic, START)
    episode.pathway, episode.pathway_key = pathway, pathway.rpartition("-")[0]
    measured = sorted({criterion.measure.instrument for criterion in find(pathway).function})
    start = {
        ref: chance.choice((10, 20.1, 33.3)) if ref != "psfs-1.0" else chance.choice((1, 2.1, 3)) for ref in measured
    }
    for timepoint, on in (("baseline", START), ("6-weeks", WEEKS_6), ("3-months", MONTHS_3)):
        if chance.random() < 0.15:
            continue
        late = timepoint == "baseline" and chance.random() < 0.1
        wording = "own" if chance.random() < 0.2 else "official"
        typed_in = MONTHS_3 if timepoint == "baseline" and chance.random() < 0.5 else on
        response = record.response(episode, timepoint, instant(on), late=late, recorded_at=instant(typed_in))
        for ref in measured:
            step = 0 if timepoint == "baseline" else chance.choice(STEPS.get(ref, HOOS_STEPS))
            rated = chance.sample(ACTIVITIES, k=chance.choice((1, 2, 2))) if ref == "psfs-1.0" else ()
            record.asked(response, ref, wording, rated)
            record.score(response, ref, SCALES[ref], None if chance.random() < 0.1 else start[ref] + step)
        if timepoint != "baseline":
            record.score(response, "groc-1.0", "total", chance.choice((-3, 2, 3, 5, None)))
