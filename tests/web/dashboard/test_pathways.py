"""The pages on which a clinic changes a pathway: who may, what a form refuses, and what is looked at first."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import ClinicPathway, Membership, PathwayPreview
from prom_service.pathway.definition import text_of
from prom_service.queries.pathways import refs_in_force
from prom_service.runtime import Runtime
from tests import builders
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.support.browser import accessibility_faults

BASE = "hip-related-pain-1"
DRAFT = f"/pathways/{BASE}/draft"


class Office:
    """A clinic with an administrator who logs in, and a colleague who has drafted a version."""

    def __init__(self, runtime: Runtime, clock: Clock, client: Any) -> None:
        self.runtime, self.clock, self.client = runtime, clock, client
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now(), code="northside")
            self.user = builders.a_user(
                session, self.clinic, now=clock.now(), role="clinic_admin", email="sam@example.org"
            )

    def drafted(self, clinic: Any = None) -> ClinicPathway:
        """A version with a visit limit of 20 by a colleague."""
        with self.runtime.transaction() as session:
            return builders.a_draft(session, clinic or self.clinic, {"limit": "20"}, now=self.clock.now())

    def log_in(self) -> None:
        self.post("/login", "/login", email="sam@example.org", password=PASSWORD)

    def take_role(self, role: str) -> None:
        with self.runtime.transaction() as session:
            session.get_one(Membership, (self.user.id, self.clinic.id)).role = role

    def post(self, path: str, form_on: str = "/pathways", **fields: str) -> Any:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(form_on).text)
        assert found
        return self.client.post(path, data={"csrf_token": found[1], **fields})

    def preview(self, version: ClinicPathway) -> str:
        """The address of a preview that was just run."""
        answer = self.post(f"/pathways/versions/{version.id}/preview")
        assert answer.status_code == 303
        return str(answer.headers["Location"])

    def in_force(self) -> str:
        with self.runtime.reading() as session:
            return refs_in_force(session, self.clinic.id)[BASE]


@pytest.fixture
def office(runtime: Runtime, clock: Clock, client: Any) -> Office:
    office = Office(runtime, clock, client)
    office.log_in()
    return office


def test_a_version_is_drafted_previewed_and_activated_by_a_second_person(office: Office) -> None:
    version = office.drafted()

    shown = office.preview(version)
    page = office.client.get(shown).text
    unconfirmed = office.post(f"{shown}/activate")
    done = office.post(f"{shown}/activate", confirm="yes")

    assert "Visit limit: 14 → 20" in page
    assert "rests on nothing" in page
    assert (unconfirmed.status_code, done.status_code) == (422, 303)
    assert "Say that you have looked" in unconfirmed.text
    assert office.in_force() == version.ref
    assert f"<strong>{version.ref}</strong>" in office.client.get("/pathways").text


def test_typed_numbers_stay_when_what_they_change_is_shown(office: Office) -> None:
    fields = {"text": text_of(BASE), "limit": "18", "days": "0, 5", "note": "As agreed"}

    page = office.post(DRAFT, go="check", **fields).text

    for name, value in (("limit", "18"), ("days", "0, 5"), ("notice", ""), ("phone_after_days", "")):
        assert re.search(rf'<input[^>]* name="{name}"[^>]* value="{value}"', page), name
    assert ">\nAs agreed</textarea>" in page


def test_numbers_are_set_in_the_text_and_what_changes_is_shown_before_it_is_kept(office: Office) -> None:
    fields = {"text": text_of(BASE), "limit": "18", "days": "0, 5", "note": "As agreed"}

    checked = office.post(DRAFT, go="check", **fields)
    kept = office.post(DRAFT, go="save", **fields)

    assert checked.status_code == 200
    assert "<li>Visit limit: 14 → 18</li>" in checked.text
    assert "<li>Emails on days: 0, 3, 7, 12 → 0, 5</li>" in checked.text
    assert "limit = 18" in checked.text
    assert kept.status_code == 303
    with office.runtime.reading() as session:
        version = session.scalars(select(ClinicPathway)).one()
    assert version.text == text_of(BASE).replace("limit = 14", "limit = 18").replace("[0, 3, 7, 12]", "[0, 5]")
    assert (version.author_id, version.note) == (office.user.id, "As agreed")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limit": "0"}, "Line 16, visits.limit: must be a whole number of at least 1."),
        ({"limit": "many"}, "Only whole numbers are allowed here."),
        ({"days": "0; 3"}, "Only whole numbers are allowed here."),
        ({"text": "limit = many"}, "is not TOML"),
        ({"notice": "15"}, "visits.notice: must not exceed the limit."),
        ({"days": "0, 1"}, "messages.days: must rise by at least two days each."),
        ({"text": "key = 1"}, "must be a text"),
        (
            {"text": text_of("hip-osteoarthritis-1")},
            "This is the text of hip-osteoarthritis-1, not of hip-related-pain-1",
        ),
        ({"note": "", "limit": "18"}, "Say why"),
    ],
)
def test_a_draft_that_makes_no_sense_is_shown_again_with_what_was_typed(
    office: Office, fields: dict[str, str], said: str
) -> None:
    sent = {"text": text_of(BASE), "note": "Because", **fields}

    answer = office.post(DRAFT, go="save", **sent)

    assert answer.status_code == 422
    assert any(f'href="#{name}"' in answer.text for name in fields)
    assert said in answer.text.replace("&#39;", "'")
    assert all(f'value="{value}"' in answer.text for name, value in fields.items() if name in ("limit", "days"))
    with office.runtime.reading() as session:
        assert session.scalars(select(ClinicPathway)).all() == []


def test_the_same_text_again_is_a_conflict_that_keeps_what_was_typed(office: Office) -> None:
    version = office.drafted()

    answer = office.post(DRAFT, go="save", text=version.text, note="Once more")

    assert answer.status_code == 409
    assert f"This is {version.ref}, word for word" in answer.text
    assert "Once more" in answer.text


def test_who_drafted_is_told_that_a_second_person_has_to_activate(office: Office) -> None:
    office.post(DRAFT, go="save", text=text_of(BASE), limit="18", note="Mine")
    with office.runtime.reading() as session:
        version = session.scalars(select(ClinicPathway)).one()

    shown = office.preview(version)
    answer = office.post(f"{shown}/activate", confirm="yes")

    assert "You drafted this version." in office.client.get(shown).text
    assert answer.status_code == 409
    assert office.in_force() == BASE


def test_a_clinician_may_draft_and_preview_and_not_activate(office: Office) -> None:
    office.take_role("clinician")
    version = office.drafted()

    kept = office.post(DRAFT, go="save", text=text_of(BASE), limit="18", note="Mine")
    shown = office.preview(version)
    answer = office.post(f"{shown}/activate", confirm="yes")

    assert kept.status_code == 303
    assert "takes the role of a clinic administrator" in office.client.get(shown).text
    assert answer.status_code == 403
    assert office.in_force() == BASE


@pytest.mark.parametrize("role", ["quality_analyst", "operator"])
def test_other_roles_see_none_of_it(office: Office, role: str) -> None:
    office.take_role(role)

    assert [office.client.get(path).status_code for path in ("/pathways", DRAFT)] == [403, 403]


def test_another_clinic_s_versions_and_previews_are_not_there(office: Office) -> None:
    with office.runtime.transaction() as session:
        other = builders.a_clinic(session, now=office.clock.now())
        version = builders.a_pathway(session, other, {"limit": "20"}, now=office.clock.now())
        seen = session.scalars(select(PathwayPreview)).one()

    answers = [
        office.client.get(f"/pathways/versions/{version.id}"),
        office.client.get(f"/pathways/previews/{seen.id}"),
        office.client.get(f"/pathways?clinic={other.id}"),
        office.client.get(f"{DRAFT}?from={version.id}"),
        office.post(f"/pathways/versions/{version.id}/preview"),
        office.post(f"/pathways/previews/{seen.id}/activate", confirm="yes"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 6


@pytest.mark.parametrize("path", ["/pathways/knee-1/draft", f"/pathways/versions/{uuid.UUID(int=1)}"])
def test_what_is_not_there_is_not_found(office: Office, path: str) -> None:
    assert office.client.get(path).status_code == 404


def test_a_form_without_its_token_does_nothing(office: Office) -> None:
    version = office.drafted()

    answers = [
        office.client.post(DRAFT, data={"go": "save", "text": text_of(BASE), "limit": "18", "note": "Mine"}),
        office.client.post(f"/pathways/versions/{version.id}/preview"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_without_a_log_in_the_pages_lead_to_it(client: Any) -> None:
    assert client.get("/pathways").headers["Location"].startswith("/login?next=")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_pages_are_accessible_and_work_without_scripts(
    office: Office, page_without_scripts: Any, page: Any
) -> None:
    version = office.drafted()
    with office.runtime.transaction() as session:
        episode = builders.an_episode(session, office.clinic, now=office.clock.now(), clinician="AB")
        builders.visited(session, episode, 16, now=office.clock.now())

    for browser_page in (page_without_scripts, page):
        browser_page.goto("/pathways")
        browser_page.get_by_label("Email address").fill("sam@example.org")
        browser_page.get_by_label("Password").fill(PASSWORD)
        browser_page.get_by_role("button", name="Log in").click()
        browser_page.get_by_role("heading", name="Pathways").wait_for()
    page_without_scripts.get_by_role("link", name="Draft a change of Hip-related pain").click()
    page_without_scripts.get_by_label("Visit limit").fill("16")
    page_without_scripts.get_by_role("button", name="Show what this changes").click()
    page_without_scripts.get_by_text("Visit limit: 14 → 16").wait_for()

    faults = accessibility_faults(page)
    for path in (DRAFT, f"/pathways/versions/{version.id}"):
        page.goto(path)
        faults += accessibility_faults(page)
    page.get_by_role("button", name="Run the preview").click()
    page.get_by_role("heading", name="would have flagged").wait_for()
    faults += accessibility_faults(page)
    page.get_by_role("button", name="Activate").click()
    page.get_by_role("alert").wait_for()
    faults += accessibility_faults(page)
    page.get_by_text("Flags lost").wait_for()
    assert faults == []
