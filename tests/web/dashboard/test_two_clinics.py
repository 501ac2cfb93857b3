"""Who works at two clinics: a form does what its page showed, whatever another tab has looked at since."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import prom_service
from prom_service.db import Base
from prom_service.models import Alert, Clinic, ClinicPathway, EscalationPlan, Flag, Patient
from prom_service.models.user import ROLES
from prom_service.runtime import Runtime
from prom_service.services import accounts
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard import test_enrolment_form, test_escalation
from tests.web.dashboard.desk import Desk, text_of

TEMPLATES = Path(prom_service.__file__).parent / "web" / "templates" / "dashboard"
ABOUT_NO_CLINIC = {"base.html", "login.html", "code.html", "app.html"}
"""Logging in and out, and the second factor of an account."""
ENROLMENT = {name.replace("__", "."): value for name, value in test_enrolment_form.FORM.items()}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Which clinic a form is about does not depend on the kind of database."""
    return sqlite_url


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    """An administrator of Northside Clinic and of Southside Clinic, standing at Northside."""
    desk = Desk(runtime, clock, client, role="clinic_admin")
    a_second_clinic(desk, "clinic_admin")
    desk.log_in()
    desk.get(f"/worklist?clinic={desk.clinic.id}")
    return desk


def a_second_clinic(desk: Desk, role: str) -> Clinic:
    with desk.runtime.transaction() as session:
        organisation_id = desk.clinic.organisation_id
        second = builders.a_clinic(
            session, now=desk.clock.now(), organisation_id=organisation_id, name="Southside Clinic"
        )
        accounts.set_role(session, desk.user, second, role)
    return second


def the_second(desk: Desk) -> Clinic:
    with desk.runtime.reading() as session:
        return session.scalars(select(Clinic).where(Clinic.id != desk.clinic.id)).one()


def hidden(page: str, action: str = "") -> dict[str, str]:
    """The hidden fields of the page's form with this action; without one, of the form that posts to itself."""
    forms = re.findall(r'<form method="post"([^>]*)>(.*?)</form>', page, re.DOTALL)
    [form] = [body for marks, body in forms if (f'action="{action}"' in marks if action else "action=" not in marks)]
    return {name: html.unescape(text) for name, text in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)}


def rows(desk: Desk, table: type[Base], clinic: Clinic) -> int:
    with desk.runtime.reading() as session:
        return session.scalar(select(func.count()).where(table.clinic_id == clinic.id)) or 0  # type: ignore[attr-defined]


def enrol(desk: Desk, elsewhere: Callable[[], object]) -> Any:
    form = hidden(desk.get("/patients/enrol").text)
    elsewhere()
    return desk.client.post("/patients/enrol", data=form | ENROLMENT | {"go": "save"})


def save_plan(desk: Desk, elsewhere: Callable[[], object]) -> Any:
    form = hidden(desk.get(test_escalation.PAGE).text, test_escalation.PAGE)
    elsewhere()
    return desk.client.post(test_escalation.PAGE, data=form | test_escalation.FORM)


def send_test(desk: Desk, elsewhere: Callable[[], object]) -> Any:
    with desk.runtime.transaction() as session:
        for clinic in (desk.clinic, the_second(desk)):
            builders.a_plan(session, session.get_one(Clinic, clinic.id), now=desk.clock.now())
    form = hidden(desk.get(test_escalation.PAGE).text, f"{test_escalation.PAGE}/test")
    elsewhere()
    return desk.client.post(f"{test_escalation.PAGE}/test", data=form)


def draft(desk: Desk, elsewhere: Callable[[], object]) -> Any:
    page = desk.get("/pathways/hip-related-pain-1/draft").text
    [text] = re.findall(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    typed = {"text": html.unescape(text), "limit": "20", "note": "Fewer visits.", "go": "save"}
    elsewhere()
    return desk.client.post("/pathways/hip-related-pain-1/draft", data=hidden(page) | typed)


@pytest.mark.parametrize(
    ("step", "table"),
    [(enrol, Patient), (save_plan, EscalationPlan), (send_test, Alert), (draft, ClinicPathway)],
    ids=["enrolment", "escalation", "test email", "pathway"],
)
def test_a_form_goes_to_the_clinic_its_page_showed(desk: Desk, step: Any, table: type[Base]) -> None:
    second = the_second(desk)

    answer = step(desk, lambda: desk.get(f"/worklist?clinic={second.id}"))

    assert answer.status_code == 303
    assert (rows(desk, table, desk.clinic) > 0, rows(desk, table, second)) == (True, 0)
    assert desk.get(answer.headers["Location"]).status_code == 200


def test_ticked_flags_are_those_of_the_page_s_clinic(desk: Desk) -> None:
    flag_id, second = desk.flag(), the_second(desk)
    page = desk.get("/worklist").text
    [tick] = re.findall(r'name="flag" value="([^"]+)"', page)
    desk.get(f"/worklist?clinic={second.id}")

    answer = desk.client.post("/worklist", data=hidden(page, "/worklist") | {"flag": tick, "step": "take"})

    assert answer.status_code == 303
    with desk.runtime.reading() as session:
        assert session.get_one(Flag, flag_id).assignee_id == desk.user.id


@pytest.mark.parametrize("role", [role for role in ROLES if role != "clinic_admin"])
def test_a_form_names_no_clinic_that_this_page_is_not_open_for(
    runtime: Runtime, clock: Clock, client: Any, role: str
) -> None:
    desk = Desk(runtime, clock, client, role="clinic_admin")
    second = a_second_clinic(desk, role)
    desk.log_in()

    answers = [
        desk.post(test_escalation.PAGE, **test_escalation.FORM, seen="none", clinic=str(clinic))
        for clinic in (second.id, "nothing")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert rows(desk, EscalationPlan, second) == 0


def test_settings_are_those_of_the_administered_clinic_while_the_other_one_is_looked_at(
    runtime: Runtime, clock: Clock, client: Any
) -> None:
    desk = Desk(runtime, clock, client, role="clinic_admin")
    second = a_second_clinic(desk, "clinician")
    desk.log_in()
    desk.get(f"/worklist?clinic={second.id}")

    settings, theirs = desk.get("/settings"), desk.get(f"/settings?clinic={second.id}")

    assert (settings.status_code, theirs.status_code) == (200, 404)
    assert "Northside Clinic" in settings.text


def test_who_has_left_the_clinic_looked_at_last_goes_on_at_the_other(desk: Desk) -> None:
    second = the_second(desk)
    desk.get(f"/worklist?clinic={second.id}")
    with desk.runtime.transaction() as session:
        accounts.set_role(session, desk.user, session.get_one(Clinic, second.id), "operator")

    assert desk.get("/worklist").status_code == 200
    assert desk.get(f"/worklist?clinic={second.id}").status_code == 404


def test_the_dry_run_names_the_clinic(desk: Desk) -> None:
    form = hidden(desk.get("/patients/enrol").text) | ENROLMENT | {"go": "preview"}

    assert "Northside Clinic" in text_of(desk.client.post("/patients/enrol", data=form))


def test_every_form_of_a_clinic_has_its_token_from_the_one_place_that_names_the_clinic() -> None:
    own = {path.name for path in TEMPLATES.glob("*.html") if "csrf_token()" in path.read_text()}

    assert own == ABOUT_NO_CLINIC | {"fields.html"}


def test_the_link_in_an_alert_opens_the_flag_from_the_other_clinic(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        builders.a_plan(session, session.get_one(Clinic, desk.clinic.id), now=desk.clock.now())
    desk.flag(severity="urgent", kind="red_flag_symptom")
    jobs.escalate_flags(desk.runtime)
    jobs.send_alerts(desk.runtime)
    [letter] = [path.read_text() for path in Path(desk.runtime.settings.mailbox_dir).glob("new/*")]
    desk.get(f"/worklist?clinic={the_second(desk).id}")

    [link] = re.findall(r"http\S+?(/flags/\S+)", letter.replace("=\n", "").replace("=3D", "="))

    assert desk.get(link).status_code == 200
