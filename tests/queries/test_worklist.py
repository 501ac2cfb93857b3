"""The worklist on both databases: its order, its pages, its filters and what is counted beside them."""

import uuid
from typing import Any

import pytest
from sqlalchemy.orm import Session

from prom_service.models import Flag
from prom_service.queries.directory import find_episode
from prom_service.queries.flags import FlagFilter
from prom_service.queries.worklist import count_flags, count_unread, neighbours, worklist
from prom_service.runtime import Runtime
from prom_service.services import flag_ledger, flags
from tests import builders
from tests.fakes import Clock

NOBODY = uuid.UUID(int=0)
ROWS = {
    "milder": {"severity": "low", "queue": "follow_up", "kind": "survey_missed"},
    "grave": {"severity": "urgent", "kind": "red_flag_symptom", "checkpoint": "baseline"},
    "older": {"severity": "high", "kind": "deterioration"},
    "newer": {"severity": "high", "kind": "non_responder", "checkpoint": "3-months"},
}


class Desk:
    """A clinic with flags of several severities, and a colleague to give them to."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.user = builders.a_user(session, self.clinic, now=clock.now())
            self.flags = {name: self.raised(session, name, **values) for name, values in ROWS.items()}

    def raised(self, session: Session, name: str, **values: str) -> uuid.UUID:
        patient = builders.a_patient(session, self.clinic, now=self.clock.now(), external_id=f"AB_{name}")
        episode = builders.an_episode(session, self.clinic, patient, now=self.clock.now(), clinician="PT-1")
        return builders.a_flag(session, episode, now=self.clock.now(), **values).id

    def step(self, name: str, step: Any, *given: Any, **more: Any) -> None:
        with self.runtime.transaction() as session:
            flag = flags.find_for_update(session, self.clinic.id, self.flags[name])
            step(session, flag, *given, actor="command", now=self.clock.now(), **more)

    def listed(self, session: Session, *, after: Any = None, limit: int = 50, **wanted: Any) -> list[str]:
        rows = worklist(session, self.clinic.id, FlagFilter(**wanted), after=after, limit=limit)
        return [self.name(row.flag.id) for row in rows]

    def name(self, flag_id: uuid.UUID | None) -> str:
        return next((name for name, number in self.flags.items() if number == flag_id), "")


@pytest.fixture
def desk(runtime: Runtime, clock: Clock) -> Desk:
    return Desk(runtime, clock)


def test_the_gravest_come_first_then_the_oldest_and_a_page_goes_on_behind_its_last_row(desk: Desk) -> None:
    with desk.runtime.reading() as session:
        first = worklist(session, desk.clinic.id, FlagFilter(), limit=2)
        rest = desk.listed(session, after=first[-1].place)

    assert [desk.name(row.flag.id) for row in first] + rest == ["grave", "older", "newer", "milder"]


def test_resolved_flags_are_looked_back_at_from_the_newest_on(desk: Desk) -> None:
    for name in ("grave", "newer", "milder"):
        desk.step(name, flags.resolve, "reassessed")
    with desk.runtime.reading() as session:
        first = worklist(session, desk.clinic.id, FlagFilter(status="resolved"), limit=1)
        rest = desk.listed(session, after=first[0].place, status="resolved")

    assert [desk.name(first[0].flag.id), *rest] == ["newer", "grave", "milder"]


@pytest.mark.parametrize(
    ("wanted", "listed"),
    [
        ({"queue": "follow_up"}, ["milder"]),
        ({"severity": "high"}, ["older", "newer"]),
        ({"severity": "high", "kind": "deterioration"}, ["older"]),
        ({"clinician": "PT-1", "kind": "survey_missed"}, ["milder"]),
        ({"clinician": "PT-2"}, []),
        ({"patient": "b_", "severity": "urgent"}, ["grave"]),
        ({"patient": "b%"}, []),
    ],
)
def test_only_what_meets_every_filter_is_listed(desk: Desk, wanted: dict[str, str], listed: list[str]) -> None:
    with desk.runtime.reading() as session:
        found = desk.listed(session, **wanted)

    assert found == listed


def test_each_choice_counts_what_it_would_list_with_all_other_filters_kept(desk: Desk) -> None:
    desk.step("older", flags.assign, desk.user.id)
    desk.step("milder", flags.resolve, "contacted")

    with desk.runtime.reading() as session:
        counts = count_flags(session, desk.clinic.id, FlagFilter(severity="high"), user_id=desk.user.id)
        mine = desk.listed(session, assignee_id=desk.user.id)

    assert mine == ["older"]
    assert counts["severity"] == {"urgent": 1, "high": 2}
    assert counts["kind"] == {"deterioration": 1, "non_responder": 1}
    assert counts["status"] == {"live": 2, "open": 1, "assigned": 1}
    assert counts["mine"] == {"yes": 1, "no": 1}


def test_a_flag_knows_its_neighbours_in_the_list_as_filtered_also_once_it_has_left_it(desk: Desk) -> None:
    desk.step("older", flags.resolve, "reassessed")

    with desk.runtime.reading() as session:
        beside = {
            name: [desk.name(one) for one in neighbours(session, desk.clinic.id, FlagFilter(), flag_id)]
            for name, flag_id in desk.flags.items()
        }

    assert beside == {
        "grave": ["", "newer"],
        "older": ["grave", "newer"],
        "newer": ["grave", "milder"],
        "milder": ["newer", ""],
    }


def test_an_urgent_flag_is_unread_until_somebody_has_taken_it_up(desk: Desk) -> None:
    with desk.runtime.reading() as session:
        before = count_unread(session, [desk.clinic.id])
        elsewhere = count_unread(session, [NOBODY])
    desk.step("grave", flags.acknowledge)
    with desk.runtime.reading() as session:
        after = count_unread(session, [desk.clinic.id])

    assert before == [(desk.clinic.id, desk.clinic.name, 1)]
    assert (elsewhere, after) == ([], [])


def test_a_row_says_that_the_rules_changed_a_flag_after_somebody_took_it_up(desk: Desk) -> None:
    desk.step("older", flags.acknowledge)
    with desk.runtime.transaction() as session:
        for number in ("older", "newer"):
            flag = session.get_one(Flag, desk.flags[number])
            episode = find_episode(session, desk.clinic.id, flag.episode_id)
            flag_ledger.note(session, flag, episode, episode.patient, "updated", "rules", {}, desk.clock.now())

    with desk.runtime.reading() as session:
        rows = worklist(session, desk.clinic.id, FlagFilter())

    assert [desk.name(row.flag.id) for row in rows if row.changed_since] == ["older"]
