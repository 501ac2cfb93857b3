"""Answers of an earlier day are shown again after a light check; nothing else asks for one."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Clinic, PatientChange, SavedAnswer
from prom_service.queries.locks import locked_until
from prom_service.runtime import Runtime
from prom_service.services import identity, retention
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, ask, behind, count, heading, link_to

PAIN = "ihot-12-1.0-Q1"
DAY = dt.timedelta(hours=24)
INSTANT = dt.timedelta(microseconds=1)


@pytest.fixture
def begun(visitor: Visitor) -> Visitor:
    """A patient, born on 17 May 1980, who answered 30 to the first question and left."""
    visitor.start()
    visitor.press("/1", "next", **{PAIN: "30"})
    return visitor


def choose_check(runtime: Runtime, kind: str) -> None:
    with runtime.transaction() as session:
        session.scalars(select(Clinic)).one().identity_check = kind


def give_year(visitor: Visitor, year: str) -> Any:
    return visitor.press("/check?page=1", "check", year=year)


def test_for_a_day_after_the_last_save_nothing_is_asked(begun: Visitor, clock: Clock):
    clock.advance(hours=23)
    begun.press("/2", "next", **{"ihot-12-1.0-Q2": "40"})
    clock.advance(seconds=(DAY - INSTANT).total_seconds())

    within = begun.open("/1")
    clock.advance(microseconds=1)
    over = begun.open("/1")

    assert 'value="30"' in within.text
    assert (over.status_code, over.location) == (303, f"/s/{begun.token}/check?page=1")


def test_questions_that_show_nothing_earlier_and_sending_need_no_check(begun: Visitor, clock: Clock):
    clock.advance(days=3)

    resumed = begun.start()
    page = begun.press("/2", "next", **{"ihot-12-1.0-Q2": "40"})
    review = begun.open("/review")
    sent = begun.send()

    assert resumed.location == f"/s/{begun.token}/2"
    assert (begun.open("/3").status_code, page.location) == (200, f"/s/{begun.token}/3")
    assert (review.status_code, sent.location) == (200, f"/s/{begun.token}/thanks")


def test_answering_something_new_does_not_open_what_is_older(begun: Visitor, clock: Clock):
    clock.advance(days=3)
    begun.press("/2", "next", **{"ihot-12-1.0-Q2": "40"})

    old, new = begun.open("/1"), begun.open("/2")

    assert "check" in old.location
    assert 'value="40"' in new.text


def test_the_right_year_opens_the_page_that_was_asked_for(begun: Visitor, clock: Clock):
    clock.advance(days=3)

    asked = begun.open("/check?page=1")
    response = give_year(begun, "1980")

    assert heading(asked) == "Is it still you?"
    assert "1980" not in asked.text
    assert response.location == f"/s/{begun.token}/1"
    assert 'value="30"' in begun.open("/1").text
    clock.advance(days=1)
    assert "check" in begun.open("/1").location


def test_a_check_opens_one_link_only(begun: Visitor, runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        other = Visitor(begun.client, link_to(runtime, session, behind(session, runtime, begun.token)[0]))
    clock.advance(days=3)
    give_year(begun, "1980")

    assert "check" in other.open("/1").location


def test_five_wrong_years_lock_for_a_day_and_the_clinic_sees_it(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)

    wrong = [give_year(begun, "1981").status_code for _ in range(5)]
    locked = give_year(begun, "1980")
    page = begun.client.get(begun.open("/1").location)

    assert wrong == [422] * 5
    assert (locked.status_code, page.status_code) == (403, 403)
    assert heading(page) == "Your earlier answers stay closed for now"
    assert "020 7946 0000" in page.text
    with runtime.reading() as session:
        [noted] = session.scalars(select(PatientChange).where(PatientChange.kind == "identity_locked"))
        assert noted.note == "baseline"
    assert begun.open("/2").status_code == 200
    clock.advance(seconds=(DAY - INSTANT).total_seconds())
    assert give_year(begun, "1980").status_code == 403
    clock.advance(microseconds=1)
    assert give_year(begun, "1980").status_code == 303


def unlock(runtime: Runtime, visitor: Visitor) -> None:
    with runtime.transaction() as session:
        administration = behind(session, runtime, visitor.token)[0]
        identity.unlock(session, administration, actor="user:1", now=runtime.now())


def locks_noted(runtime: Runtime) -> list[tuple[str, str, str]]:
    with runtime.reading() as session:
        changes = session.scalars(select(PatientChange).order_by(PatientChange.id))
        return [(one.kind, one.note, one.actor) for one in changes if one.kind.startswith("identity")]


def test_the_clinic_unlocks_and_it_is_on_record(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)
    for _ in range(5):
        give_year(begun, "1981")

    unlock(runtime, begun)
    wrong = [give_year(begun, "1981").status_code for _ in range(4)]
    right = give_year(begun, "1980")

    assert (wrong, right.status_code) == ([422] * 4, 303)
    assert locks_noted(runtime) == [
        ("identity_locked", "baseline", "patient"),
        ("identity_unlocked", "baseline", "user:1"),
    ]


def test_where_nothing_is_locked_unlocking_changes_nothing(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)
    for _ in range(4):
        give_year(begun, "1981")

    unlock(runtime, begun)

    assert locks_noted(runtime) == []
    assert [give_year(begun, "1981").status_code, give_year(begun, "1980").status_code] == [422, 403]


def test_a_lock_lapses_when_the_first_of_the_five_tries_is_a_day_old(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)
    give_year(begun, "1979")
    for _ in range(5):
        clock.advance(hours=5)
        give_year(begun, "1981")
    with runtime.reading() as session:
        administration = behind(session, runtime, begun.token)[0]
        lapses = locked_until(session, [administration.id], now=clock.now())
        over = [
            locked_until(session, [administration.id], now=lapses[administration.id] - back)
            for back in (INSTANT, dt.timedelta(0))
        ]

    assert lapses == {administration.id: clock.now() - dt.timedelta(hours=20) + DAY}
    assert over == [lapses, {}]


def test_a_lock_outlives_the_clearing_of_passing_rows(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)
    for _ in range(5):
        give_year(begun, "1981")
    clock.advance(hours=23)
    with runtime.transaction() as session:
        retention.purge_passing_rows(session, now=clock.now(), limit=100)

    assert give_year(begun, "1980").status_code == 403


def test_four_wrong_years_and_what_is_no_year_do_not_lock(begun: Visitor, clock: Clock):
    clock.advance(days=3)
    for year in ("1979", "1981", "80", "0", "", "MCMLXXX", "1980.0"):
        assert give_year(begun, year).status_code == 422

    assert give_year(begun, "1980").status_code == 303


def test_the_clinic_may_ask_for_the_whole_date(begun: Visitor, runtime: Runtime, clock: Clock):
    choose_check(runtime, "date")
    clock.advance(days=3)

    year_only = give_year(begun, "1980")
    wrong = begun.press("/check?page=1", "check", year="1980", month="5", day="18")
    right = begun.press("/check?page=1", "check", year="1980", month="5", day="17")

    assert (year_only.status_code, wrong.status_code, right.status_code) == (422, 422, 303)


def test_the_clinic_may_ask_for_nothing(begun: Visitor, runtime: Runtime, clock: Clock):
    choose_check(runtime, "none")
    clock.advance(days=3)

    assert 'value="30"' in begun.open("/1").text


def test_a_page_left_open_is_saved_but_not_shown_again(begun: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(days=3)

    refused = begun.press("/1", "next", **{PAIN: "a lot"})
    saved = begun.press("/1", "next", **{PAIN: "70", f"{PAIN}.was": "30"})

    assert refused.location == f"/s/{begun.token}/check?page=1"
    assert saved.location == f"/s/{begun.token}/2"
    assert count(runtime, SavedAnswer) == 2


def test_activities_named_earlier_are_guarded_wherever_they_are_shown(client: Any, runtime: Runtime, clock: Clock):
    visitor = Visitor(client, ask(runtime, pathway="buttock-nerve-pain-1"))
    visitor.start()
    visitor.press("/2", "next", **{"psfs-1.0-Q1.text": "Climbing stairs"})
    clock.advance(days=3)

    pages = [visitor.open(place) for place in ("/2", "/3", "/review")]

    assert all("check" in page.location for page in pages)
    assert not any("Climbing" in page.text for page in pages)


def test_a_yes_of_an_earlier_day_is_guarded_on_the_advice_page(visitor: Visitor, clock: Clock):
    visitor.start()
    visitor.press("/14", "next", **{"safety-1.0-R1": "1"})
    clock.advance(days=3)

    assert visitor.open("/14/advice").location == f"/s/{visitor.token}/check?page=14"


@pytest.mark.parametrize("earlier", ["0", "1"])
def test_what_is_posted_tells_nothing_of_an_earlier_day(visitor: Visitor, clock: Clock, earlier: str):
    visitor.start()
    visitor.press("/14", "next", **{"safety-1.0-R1": earlier})
    clock.advance(days=3)

    guessed = [
        visitor.press("/14/save", "save", **{"safety-1.0-R1": guess, "safety-1.0-R1.was": guess}).status_code
        for guess in ("0", "1")
    ]
    nothing = visitor.press("/14", "next")
    cleared = visitor.press("/14", "next", **{"safety-1.0-R1.was": "1"})

    assert guessed == [409, 409]
    assert [page.location for page in (nothing, cleared)] == [f"/s/{visitor.token}/15"] * 2
    assert visitor.open("/14").location == f"/s/{visitor.token}/check?page=14"


def test_what_is_changed_once_all_was_sent_tells_nothing_of_an_earlier_day(begun: Visitor, clock: Clock):
    begun.send()
    clock.advance(days=3)

    cleared = [begun.press("/1", "next", **{f"{PAIN}.was": guess}).location for guess in ("30", "31")]
    repeated = [begun.press("/1", "next", **{PAIN: guess}).status_code for guess in ("30", "31")]

    assert cleared == [f"/s/{begun.token}/thanks"] * 2
    assert repeated == [200, 200]


@pytest.mark.parametrize("earlier", ["0", "1"])
def test_a_yes_from_a_page_left_open_is_met_with_advice(visitor: Visitor, clock: Clock, earlier: str):
    visitor.start()
    visitor.press("/14", "next", **{"safety-1.0-R1": earlier})
    clock.advance(days=3)

    said = visitor.press("/14", "next", **{"safety-1.0-R1": "1", "safety-1.0-R1.was": "0"})

    assert said.location == f"/s/{visitor.token}/14/advice"


def test_a_link_that_was_never_used_needs_no_check(visitor: Visitor, clock: Clock):
    clock.advance(days=5)

    visitor.start()

    assert visitor.open("/1").status_code == 200
