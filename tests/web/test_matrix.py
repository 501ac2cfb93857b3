"""Every route there is, asked by everybody there is: nobody reads or changes what is another clinic's.

The routes come from the application's own map. Two controls show that the matrix can tell: with the conditions of the
queries and of the session taken out it finds leaks, and with these out PostgreSQL alone still holds.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from prom_service import tenancy
from prom_service.models import AnswerSet, Clinic, Membership, PathwayPreview, Patient, Score, User
from prom_service.models.api_key import SCOPES
from prom_service.models.user import ROLES
from prom_service.runtime import Runtime
from prom_service.services import access, report_subscriptions, report_tasks, staff, webhooks
from prom_service.web import guards
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import ROOT, World
from tests.web.api.test_access import BODIES

FORMS: Mapping[str, Mapping[str, str]] = {
    "dashboard.resolve": {"reason": "contacted"},
    "survey.start": {"go": "start"},
    "survey.save_page": {"go": "next"},
    "survey.lead_on": {"go": "next"},
    "unsubscribe.stop": {"List-Unsubscribe": "One-Click"},
}
"""What a form holds where an empty one would be turned away before anybody is asked."""
ENDING = ("dashboard.log_out", "tasks.cancel", "webhooks.end")
"""Asked last: they end what the others need."""
OF_KEYS = (ROOT, "/fhir/")
"""Addresses that ask for a key."""
GIVEN = r"(?:\?|%\(\w+\)s(?:::UUID)?)"
CONDITION = re.compile(rf"\w+\.clinic_id (?:= {GIVEN}|IN \({GIVEN}(?:, {GIVEN})*\))")
"""A clinic given from outside; what joins two tables by their clinics stays."""


@dataclass(frozen=True)
class Call:
    """A method and a route."""

    method: str
    rule: str
    endpoint: str
    arguments: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def names_ours(self) -> bool:
        """Whether the address or the body names a thing of our clinic."""
        return "<uuid:" in self.rule or str(self) == f"POST {ROOT}/episodes"


@dataclass(frozen=True)
class Scene:
    """Our clinic with a patient, and another; each has keys, staff of every role, and a patient with a link."""

    app: Flask
    world: World
    patient: Patient
    other: Clinic
    keys: Mapping[str, str]
    logins: Mapping[str, str]
    tokens: Mapping[str, str]
    rows: Mapping[str, uuid.UUID]
    """Ours by what it is of, where no name in an address tells."""

    def parts(self, token: str = "ours", endpoint: str = "") -> dict[str, Any]:
        """What stands in an address, by the name of the part: ours. A new part of an address is named here first."""
        return {
            "patient_id": self.world.patient.id,
            "episode_id": self.world.episode.id,
            "administration_id": self.world.administration.id,
            "flag_id": self.world.flag_id,
            "external_id": self.world.visit.external_id,
            "ref": "nprs-1.0",
            "token": self.tokens.get(token, token),
            "number": 1,
            "provider": "ses",
            "key": "none",
            "name": "swagger-ui.css",
            "filename": "dashboard.css",
            "base": "hip-related-pain-1",
            "version_id": self.rows["version"],
            "preview_id": self.rows["preview"],
            "visit_id": self.world.visit.id,
            "webhook_id": self.rows["webhook"],
            "task_id": self.rows["task"] if endpoint.startswith("dashboard.") else self.world.task_id,
            "subscription_id": self.rows["subscription"],
            "id_": self.rows.get(endpoint.partition("_")[2]),
            "step": "pause",
        }

    def calls(self, policy: str) -> list[Call]:
        """Every method and route with this policy; ``scope`` is any of the API."""
        found = []
        for rule in self.app.url_map.iter_rules():
            named = guards.policy_of(self.app, rule.endpoint)
            if named == policy or (policy == "scope" and rule.rule.startswith(OF_KEYS) and named != "public"):
                methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
                found += [Call(one, rule.rule, rule.endpoint, frozenset(rule.arguments)) for one in methods]
        return sorted(found, key=lambda call: call.endpoint in ENDING)

    def ask(self, call: Call, *, key: str = "", login: str = "", token: str = "ours") -> TestResponse:
        """Ask for our things by one route."""
        parts = {name: value for name, value in self.parts(token, call.endpoint).items() if name in call.arguments}
        address = self.app.url_map.bind("localhost").build(call.endpoint, parts, call.method)
        client = self.app.test_client()
        if login:
            with client.session_transaction() as cookie:
                cookie["staff"] = self.logins[login]
        body = BODIES.get(str(call).replace(ROOT, ""))
        content = {"json": body(self.world)} if body else {"data": FORMS.get(call.endpoint, {})}
        headers = {"If-Match": "*"} if call.method == "PATCH" else {}
        if key:
            headers["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        sent = content if call.method != "GET" else {}
        return client.open(address, method=call.method, headers=headers, buffered=True, **sent)

    def traces(self, call: Call) -> list[str]:
        """What must not come back: ours, but for what the question itself names."""
        named = {str(value) for name, value in self.parts("", call.endpoint).items() if name in call.arguments}
        world = self.world
        ids = (world.patient.id, world.episode.id, world.visit.id, world.administration.id, world.flag_id)
        return [one for one in (*map(str, ids), self.patient.name, str(self.patient.email)) if one not in named]

    def leaks(self, calls: list[Call], *, names_ours: int = 404, **who: str) -> dict[str, str]:
        """Return the routes that tell or do more than they should, and what they did."""
        found = {}
        for call in calls:
            answer = self.ask(call, **who)
            told = [trace for trace in self.traces(call) if trace in text_of(answer)]
            wanted = names_ours if call.names_ours else None
            if told or answer.status_code == 500 or (wanted and answer.status_code != wanted):
                found[str(call)] = f"{answer.status_code} {told}"
        return found


def text_of(answer: TestResponse) -> str:
    """Everything that came back."""
    return str(answer.headers) + answer.get_data().decode(errors="replace")


def key_of(session: Any, clinic: Clinic, scopes: Any, now: dt.datetime) -> str:
    return builders.an_api_key(session, clinic, scopes, now=now)


def login_of(session: Any, clinic: Clinic, role: str, now: dt.datetime) -> str:
    """A person with one role at one clinic, logged in without a password: hashing takes longer than all the rest."""
    return staff.open_session(session, person_of(session, clinic, role, now), secret=builders.SECRET, now=now)


def person_of(session: Any, clinic: Clinic, role: str, now: dt.datetime) -> User:
    user = User(
        organisation_id=clinic.organisation_id,
        email=f"{uuid.uuid4()}@example.org",
        name="Sam Staff",
        password_hash="",
        created_at=now,
    )
    session.add(user)
    session.flush()
    session.add(Membership(user_id=user.id, clinic_id=clinic.id, role=role))
    return user


def reports_of(session: Any, clinic: Clinic, user: User, now: dt.datetime) -> dict[str, uuid.UUID]:
    """A report made in the background for a person, and one that the person gets every month."""
    wanted = {"report": "utilization", "form": "csv"}
    task = report_tasks.ask(
        session,
        **wanted,
        parameters={"audience": "clinic", "from": "2026-01-01", "to": "2026-02-01", "as_of": "2026-03-01"},
        organisation_id=clinic.organisation_id,
        clinic_ids=[clinic.id],
        requested_by=f"user:{user.id}",
        now=now,
    )
    monthly = report_subscriptions.subscribe(session, user, clinic=clinic, **wanted, by="command", now=now)
    return {"task": task.id, "subscription": monthly.id}


@pytest.fixture
def scene(app: Flask, runtime: Runtime, clock: Clock) -> Scene:
    app.config["WTF_CSRF_METHODS"] = []
    now = clock.now()
    with runtime.transaction() as session:
        world = World.build(session, now=now)
        patient = session.get_one(Patient, world.patient.id)
        patient.name = "Zenobia Quagga"
        other = session.scalars(sa.select(Clinic).where(Clinic.id != world.clinic.id)).one()
        theirs = builders.the_administration(session, builders.an_episode(session, other, now=now), "baseline")
        version = builders.a_pathway(session, world.clinic, {"limit": "20"}, now=now)
        preview_id = session.scalars(sa.select(PathwayPreview.id)).one()
        link = {"secret": builders.SECRET, "now": now}
        hook, _secret = webhooks.subscribe(
            session, world.clinic.id, "https://1.1.1.1/hook", actor="command", secret=builders.SECRET, now=now
        )
        admin = person_of(session, world.clinic, "clinic_admin", now)
        return Scene(
            app=app,
            world=world,
            patient=patient,
            other=other,
            keys={
                "ours": world.key,
                "theirs": world.other_key,
                **{
                    scope: key_of(session, world.clinic, [one for one in SCOPES if one != scope], now)
                    for scope in SCOPES
                },
            },
            logins={
                **{role: login_of(session, world.clinic, role, now) for role in ROLES},
                "clinic_admin": staff.open_session(session, admin, **link),
                **{f"their {role}": login_of(session, other, role, now) for role in ROLES},
            },
            tokens={
                "ours": access.issue_link(session, world.administration, **link),
                "theirs": access.issue_link(session, theirs, **link),
                "stop": access.issue_link(session, world.administration, purpose="unsubscribe", **link),
            },
            rows={
                "Patient": world.patient.id,
                "EpisodeOfCare": world.episode.id,
                "Encounter": world.visit.id,
                "Flag": world.flag_id,
                "Observation": session.scalars(sa.select(Score.id).limit(1)).one(),
                "QuestionnaireResponse": session.scalars(sa.select(AnswerSet.id).limit(1)).one(),
                "webhook": hook.id,
                "version": version.id,
                "preview": preview_id,
                **reports_of(session, world.clinic, admin, now),
            },
        )


@pytest.fixture
def without_conditions(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The service as it would be if no query and no session said whose rows it wants; how often each said so."""
    stripped = []

    def strip(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
        statement, count = CONDITION.subn(lambda found: f"({found.group()} OR 1 = 1)", statement)
        stripped.append(count)
        return statement, parameters

    monkeypatch.setattr(tenancy, "_only", lambda _clinic_ids: None)
    monkeypatch.setattr(tenancy, "_check", lambda *_: None)
    sa.event.listen(runtime.engine, "before_cursor_execute", strip, retval=True)
    yield stripped
    sa.event.remove(runtime.engine, "before_cursor_execute", strip)


def everybody_elses(scene: Scene) -> dict[str, str]:
    """What leaks to who has a key or a log-in of the other clinic."""
    found = scene.leaks(scene.calls("scope"), key="theirs")
    return found | scene.leaks(scene.calls("staff"), login="their clinic_admin")


def test_every_part_of_an_address_has_its_place_in_the_matrix(scene: Scene) -> None:
    known = scene.parts()

    assert {part for rule in scene.app.url_map.iter_rules() for part in rule.arguments} <= set(known)


def test_our_own_key_and_staff_reach_what_is_asked_for(scene: Scene) -> None:
    answers = {call: scene.ask(call, key="ours") for call in scene.calls("scope")}
    answers |= {call: scene.ask(call, login="clinic_admin") for call in scene.calls("staff")}

    assert {str(call) for call, answer in answers.items() if answer.status_code in (401, 403, 404)} == set()
    assert {str(call) for call, answer in answers.items() if "/login" in (answer.location or "")} <= {"POST /logout"}


def test_another_clinic_s_key_and_staff_find_nothing_of_ours(scene: Scene) -> None:
    assert everybody_elses(scene) == {}


def test_without_the_conditions_the_matrix_finds_leaks_and_postgresql_still_holds(
    scene: Scene, without_conditions: list[int]
) -> None:
    found = everybody_elses(scene)

    assert sum(without_conditions) > 20
    if scene.app.extensions["prom"].engine.dialect.name == "sqlite":
        assert len(found) > 20
    else:  # Row-level security alone.
        assert found == {}


def test_nobody_without_a_key_is_let_in(scene: Scene) -> None:
    calls = scene.calls("scope")

    for key in ("", "x", scene.tokens["ours"], scene.logins["clinic_admin"]):
        answers = {call: scene.ask(call, key=key, login="clinic_admin") for call in calls}
        assert {str(call) for call, answer in answers.items() if answer.status_code != 401} == set()


def test_a_key_without_the_scope_gets_nothing(scene: Scene) -> None:
    for scope in SCOPES:
        calls = [call for call in scene.calls("scope") if guards.policy_of(scene.app, call.endpoint) == scope]
        assert scene.leaks(calls, key=scope, names_ours=403) == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_pages_that_admit_it_and_no_other(role: str, scene: Scene) -> None:
    refused = [call for call in scene.calls("staff") if role not in guards.roles_of(scene.app, call.endpoint)]

    assert scene.leaks(refused, login=role, names_ours=403) == {}
    assert {scene.ask(call, login=role).status_code for call in refused} <= {403}


def test_who_is_not_logged_in_is_led_to_the_log_in(scene: Scene) -> None:
    for key in ("", "ours", scene.tokens["ours"]):
        answers = {call: scene.ask(call, key=key) for call in scene.calls("staff")}
        assert {(answer.status_code, answer.location.split("?")[0]) for answer in answers.values()} == {(303, "/login")}


@pytest.mark.parametrize("token", ["theirs", "nobody's", "a key"])
def test_a_link_opens_its_own_survey_and_nothing_else(token: str, scene: Scene) -> None:
    token = {"nobody's": "x" * 43, "a key": scene.keys["ours"]}.get(token, token)

    assert scene.leaks(scene.calls("link"), token=token) == {}


def test_a_link_to_stop_emails_opens_no_survey_and_one_to_a_survey_stops_none(scene: Scene) -> None:
    stopping = [call for call in scene.calls("link") if call.endpoint.startswith("unsubscribe.")]
    asking = [call for call in scene.calls("link") if call not in stopping and "noted" not in call.rule]

    answers = [scene.ask(call, token="stop") for call in asking]
    answers += [scene.ask(call, token="ours") for call in stopping]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("policy", ["public", "secret"])
def test_what_is_public_tells_nothing_of_a_clinic(policy: str, scene: Scene) -> None:
    assert scene.leaks(scene.calls(policy)) == {}
