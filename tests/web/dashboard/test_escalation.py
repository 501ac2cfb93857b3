"""The page on which a clinic says who is told of flags that nobody acknowledges."""

import html
import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Alert, EscalationPlan
from prom_service.runtime import Runtime
from prom_service.services import escalation
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk

FORM = {
    **{step: step.title() for step in ("owner", "deputy", "manager")},
    **{f"{step}_email": f"{step}@example.org" for step in ("owner", "deputy", "manager")},
    "working_hours": "mon-thu 09:00-17:00, fri 09:00-13:00",
    "closed_on": "2026-12-25, 2026-12-28",
}
PAGE = "/settings/escalation"


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client, role="clinic_admin")
    desk.log_in()
    return desk


def mark(desk: Desk) -> str:
    return html.unescape(re.findall(r'name="seen" value="([^"]+)"', desk.get(PAGE).text)[0])


def save(desk: Desk, *, seen: str = "", **changes: str) -> Any:
    return desk.post(PAGE, **{**FORM, **changes, "seen": seen or mark(desk)})


def plan(desk: Desk) -> EscalationPlan | None:
    with desk.runtime.reading() as session:
        return session.scalars(select(EscalationPlan)).one_or_none()


def test_before_anybody_is_named_the_page_says_what_that_means(desk: Desk) -> None:
    assert "Nobody is named yet" in desk.get(PAGE).text


def test_people_and_hours_are_saved_and_shown_again(desk: Desk) -> None:
    answer = save(desk)
    page = desk.get(PAGE).text

    saved = plan(desk)
    assert (answer.status_code, saved is not None and saved.working_hours["fri"]) == (303, ["09:00", "13:00"])
    assert "deputy@example.org" in page
    assert "2026-12-25, 2026-12-28" in page
    assert "no test email of the last 90 days was confirmed by the owner, deputy, manager" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("manager", ""), ("deputy_email", "no address"), ("working_hours", "nine to five"), ("closed_on", "Christmas")],
)
def test_what_cannot_be_taken_is_named_beside_its_field_and_nothing_is_saved(
    desk: Desk, field: str, value: str
) -> None:
    answer = save(desk, **{field: value})

    assert (answer.status_code, plan(desk)) == (422, None)
    assert f'id="{field}-error"' in answer.text
    assert "Owner" in answer.text  # What was typed is still there.


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(desk: Desk, clock: Clock) -> None:
    save(desk)
    seen = mark(desk)
    clock.advance(minutes=1)
    save(desk, owner="Olga")
    answer = save(desk, seen=seen, owner="Otto")

    saved = plan(desk)
    assert (answer.status_code, saved is not None and saved.owner) == (409, "Olga")


def test_a_test_email_is_sent_confirmed_and_told(desk: Desk) -> None:
    save(desk)
    answer = desk.post(f"{PAGE}/test")
    jobs.send_alerts(desk.runtime)
    with desk.runtime.transaction() as session:
        for alert in session.scalars(select(Alert)):
            escalation.confirm(alert, now=desk.clock.now())

    page = desk.get(PAGE).text
    assert answer.status_code == 303
    assert "have each confirmed a test email" in page
    assert page.count("<td>Test</td>") == 3


def test_there_is_nobody_to_test_before_somebody_is_named(desk: Desk) -> None:
    assert desk.post(f"{PAGE}/test").status_code == 422


def test_a_clinician_does_not_see_it(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client)
    desk.log_in()

    assert desk.get(PAGE).status_code == 403


def test_another_clinic_s_plan_is_not_shown(desk: Desk, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        builders.a_plan(session, builders.a_clinic(session, now=clock.now()), owner="Zenobia", now=clock.now())

    assert "Zenobia" not in desk.get(PAGE).text
