"""The page on which a clinic says who is told of flags that nobody acknowledges."""

import contextlib
import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Alert, Clinic, EscalationPlan
from prom_service.runtime import Runtime
from prom_service.services import escalation
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of

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
    return shown_mark(desk.get(PAGE))


def shown_mark(answer: Any) -> str:
    return html.unescape(re.findall(r'name="seen" value="([^"]+)"', answer.text)[0])


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
    assert "differs from what you typed Name of the owner Olga" in text_of(answer)


def test_a_fault_in_a_form_does_not_hide_what_somebody_else_changed_meanwhile(desk: Desk, clock: Clock) -> None:
    save(desk)
    seen = mark(desk)
    clock.advance(minutes=1)
    save(desk, deputy="Olga")

    refused = save(desk, seen=seen, closed_on="Christmas")
    answer = save(desk, seen=shown_mark(refused))
    again = save(desk, seen=shown_mark(answer))

    assert (refused.status_code, answer.status_code, again.status_code) == (422, 409, 303)
    assert "Name of the deputy Olga" in text_of(answer)


def test_the_summary_of_faults_names_each_field(desk: Desk) -> None:
    answer = save(desk, manager="", deputy_email="no address")

    assert "Name of the manager: needed. Email address of the deputy: not an email address." in text_of(answer)


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


@pytest.mark.parametrize("planned", [False, True], ids=["first", "later"])
def test_of_two_who_save_at_once_the_second_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch, planned: bool) -> None:
    if planned:
        save(desk)
    seen, both_compared, write = mark(desk), threading.Barrier(2), escalation.write_plan

    def write_together(*given: Any, **more: Any) -> EscalationPlan:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_compared.wait(timeout=1)  # In vain where the other has to wait until this one has written.
        return write(*given, **more)

    monkeypatch.setattr(escalation, "write_plan", write_together)
    desk.clock.advance(minutes=1)
    colleague = desk.client.application.test_client()
    [cookie] = [desk.client.get_cookie("prom_staff")]
    colleague.set_cookie("prom_staff", cookie.value)
    form = {**FORM, "seen": seen, "csrf_token": desk._token(desk.get(PAGE).text)}

    def press(client: Any, owner: str) -> int:
        return int(client.post(PAGE, data={**form, "owner": owner}).status_code)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(press, (desk.client, colleague), ("Olga", "Otto")))

    saved = plan(desk)
    assert sorted(answers) == [303, 409]
    assert saved is not None
    assert saved.owner == ("Olga", "Otto")[answers.index(303)]


def a_live_clinic(desk: Desk, *, proven: bool) -> None:
    with desk.runtime.transaction() as session:
        clinic = session.get_one(Clinic, desk.clinic.id)
        (builders.a_proven_plan if proven else builders.a_plan)(session, clinic, now=desk.clock.now())
        clinic.activated_at = desk.clock.now()


UNPROVEN = "It is not proven that emails about flags that wait arrive"


def gauge(desk: Desk) -> str:
    return re.findall(r"^prom_escalation_unproven (.*)$", desk.get("/metrics").text, re.MULTILINE)[0]


def test_a_live_clinic_whose_addresses_are_not_proven_is_named_on_every_page_and_counted(desk: Desk) -> None:
    a_live_clinic(desk, proven=True)
    proven = (UNPROVEN in desk.get("/worklist").text, gauge(desk))

    save(desk, deputy_email="new@example.org")
    page = desk.shown("/worklist")

    assert proven == (False, "0.0")
    assert "Northside Clinic: deputy" in page[page.index(UNPROVEN) :]
    assert gauge(desk) == "1.0"


def test_a_proof_of_more_than_ninety_days_ago_does_not_count(desk: Desk) -> None:
    a_live_clinic(desk, proven=True)
    desk.later(days=91)

    assert "Northside Clinic: owner, deputy, manager" in desk.shown("/worklist")


def test_a_clinic_that_is_not_live_yet_is_not_counted(desk: Desk) -> None:
    save(desk)

    assert UNPROVEN not in desk.get("/worklist").text
    assert gauge(desk) == "0.0"


def test_a_clinician_is_not_asked_to_prove_addresses(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client)
    a_live_clinic(desk, proven=False)
    desk.log_in()

    assert UNPROVEN not in desk.get("/worklist").text
