"""The replay against what really happened: a group lives, and afterwards the rules are asked again."""

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, Flag, FlagEvent
from prom_service.pathway import definition
from prom_service.pathway.replay import replay
from prom_service.queries.history import histories
from prom_service.services.pathway_preview import PERIOD, preview
from tests.simulation.conftest import UNTIL
from tests.simulation.lived import Lived

BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
REF = "hip-related-pain-1"


@pytest.fixture(params=["sqlite", "postgresql"])
def lived(request: pytest.FixtureRequest) -> Lived:
    names = {"sqlite": "lived_sqlite", "postgresql": "lived_postgres"}
    lived: Lived = request.getfixturevalue(names[request.param])
    return lived


def raised(session: Session, clinic: Clinic, key: str, since: dt.datetime) -> list[tuple[object, ...]]:
    """Every flag really raised in the clinic's episodes on a pathway, as it was when it was raised."""
    rows = session.execute(
        select(Flag, FlagEvent.flag)
        .join(FlagEvent, FlagEvent.flag_id == Flag.id)
        .join(Episode, Episode.id == Flag.episode_id)
        .where(
            Flag.clinic_id == clinic.id, Episode.pathway_key == key, FlagEvent.type == "raised", Flag.raised_at >= since
        )
    )
    return sorted(
        (str(flag.episode_id), flag.kind, flag.checkpoint, named(flag.found_basis), then["severity"], flag.raised_at)
        for flag, then in rows
    )


def named(basis: str) -> str:
    """A basis as both name it: a flag of the replay has an id of its own."""
    return "flag" if basis.startswith("flag:") else basis


def test_the_rules_asked_again_raise_the_very_flags_at_the_very_instants(lived: Lived) -> None:
    with lived.prom.reading() as session:
        for clinic in lived.group.clinics:
            for pathway in definition.all_pathways():
                again = [
                    (history.episode_id, one.kind, one.checkpoint, named(one.basis), one.severity, one.at)
                    for history in histories(session, clinic.id, pathway.key, since=BEFORE)
                    for one in replay(history, pathway, until=UNTIL)
                ]

                assert sorted(again) == raised(session, clinic, pathway.key, BEFORE)


def test_a_preview_of_the_unchanged_pathway_tells_what_was_raised(lived: Lived) -> None:
    clinic, pathway = lived.group.clinics[0], definition.find(REF)
    with lived.prom.reading() as session:
        seen = preview(session, clinic.id, pathway, replace(pathway, visit_notice=pathway.visit_notice), now=UNTIL)
        really = raised(session, clinic, pathway.key, UNTIL - PERIOD)

    assert seen.in_force.flags == len(really) > 20
    assert seen.in_force.patients == len({episode for episode, *_ in really})
    assert {kind: sum(counts.values()) for kind, counts in seen.in_force.kinds.items()} == {
        kind: sum(one[1] == kind for one in really) for kind in {one[1] for one in really}
    }
    assert seen.draft == seen.in_force
    assert (seen.gained, seen.lost, seen.regraded) == (0, 0, 0)


def test_a_lower_visit_limit_raises_more_flags_and_says_whose(lived: Lived) -> None:
    clinic, pathway = lived.group.clinics[0], definition.find(REF)
    with lived.prom.reading() as session:
        seen = preview(session, clinic.id, pathway, replace(pathway, visit_limit=6, visit_notice=6), now=UNTIL)

    assert seen.gained > 0
    assert seen.draft.flags == seen.in_force.flags + seen.gained - seen.lost
    assert {one.kind for one in seen.gained_flags} == {"visits_over_threshold", "visits_near_threshold"}
    assert seen.draft.per_clinician_and_week > seen.in_force.per_clinician_and_week > 0


def test_nothing_is_written(lived: Lived) -> None:
    pathway = definition.find(REF)
    with lived.prom.reading() as session:
        before = session.scalars(select(FlagEvent.id)).all()
        preview(session, lived.group.clinics[0].id, pathway, replace(pathway, visit_limit=6), now=UNTIL)

        assert not session.dirty
        assert not session.new
        assert session.scalars(select(FlagEvent.id)).all() == before
