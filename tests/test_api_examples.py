"""The examples of the documents do what they say, against the service on a socket."""

import ast
import json
import re
import shlex
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from docs.examples.prom_client import ApiError, Prom
from prom_service.app import create_app
from prom_service.models import Administration, AnswerSet
from prom_service.runtime import Runtime
from prom_service.services import submission
from tests import builders
from tests.fakes import Clock
from tests.support.web import serving

DOCS = Path(__file__).parent.parent / "docs"
PATIENT = {"external_id": "P1001", "name": "Kim Example", "date_of_birth": "1984-05-17"}
EPISODE = {"external_id": "E1001", "started_on": "2026-03-02", "side": "left"}
BY = {"id": "u17", "name": "Dr Day"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """A client sees no difference between the databases."""
    return sqlite_url


@pytest.fixture
def key(runtime: Runtime, clock: Clock) -> str:
    """A key of a clinic that may do everything."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        return builders.an_api_key(
            session, clinic, ["episodes:read", "episodes:write", "flags:read", "flags:write"], now=clock.now()
        )


@pytest.fixture
def prom(base_url: str, key: str) -> Prom:
    """The client of the documents."""
    return Prom(base_url, key)


def answer_with_a_symptom(runtime: Runtime, clock: Clock) -> None:
    """Have the one patient there is answer the baseline, with a symptom that is urgent."""
    with runtime.transaction() as session:
        episode = builders.the_episode(session)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode)
        submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", R1=1), now=clock.now())


def test_a_clinic_is_integrated_with_the_client(prom: Prom, runtime: Runtime, clock: Clock) -> None:
    episode = prom.enrol(PATIENT, EPISODE)
    again = prom.enrol(PATIENT, EPISODE)
    prom.record_visit(episode, "V 1/a", {"date": "2026-03-02", "status": "attended", "format": "individual"})
    none, start = prom.flags()
    answer_with_a_symptom(runtime, clock)

    [flag], position = prom.flags(queue="clinical")
    raised = list(prom.follow(start))
    seen = prom.acknowledge(flag["id"], on_behalf_of=BY)
    closed = prom.resolve(flag["id"], "referred", note="Sent on today.", on_behalf_of=BY)
    steps = [(one["number"], one["type"], one["flag"]["status"]) for one in prom.follow(position)]

    assert (again, none, [one["flag"]["id"] for one in raised]) == (episode, [], [flag["id"]])
    assert (flag["severity"], seen["status"], closed["status"]) == ("urgent", "acknowledged", "resolved")
    assert steps == [(2, "acknowledged", "acknowledged"), (3, "resolved", "resolved")]


def test_more_flags_than_a_page_holds_are_all_read(prom: Prom, runtime: Runtime, clock: Clock) -> None:
    for number in range(60):
        prom.enrol({**PATIENT, "external_id": f"P{number}"}, {**EPISODE, "external_id": f"E{number}"})
    with runtime.transaction() as session:
        for episode in builders.the_episodes(session):
            baseline = builders.the_administration(session, episode, "baseline")
            answers = builders.complete_answers(baseline, episode)
            answers = builders.changed(answers, "safety-1.0", R1=1)
            submission.submit(session, baseline, answers=answers, now=clock.now())

    flags, position = prom.flags()

    assert len({flag["id"] for flag in flags}) == len(flags) == 60
    assert [one["number"] for one in prom.follow(0)] == list(range(1, position + 1))


def test_what_is_refused_is_told_field_by_field(prom: Prom) -> None:
    with pytest.raises(ApiError) as refused:
        prom.enrol({**PATIENT, "date_of_birth": "tomorrow"}, EPISODE)

    assert (refused.value.status, list(refused.value.errors)) == (422, ["date_of_birth"])
    assert "date_of_birth" in str(refused.value)


def test_a_client_that_is_ahead_of_a_backup_put_back_is_told_to_begin_again(prom: Prom) -> None:
    flags, position = prom.flags()

    with pytest.raises(ApiError) as refused:
        list(prom.follow(position + 1))

    said = refused.value
    assert (said.status, said.reason, list(said.errors)) == (409, "beyond_the_end", ["after"])
    assert list(prom.follow(position)) == flags == []


def test_the_number_of_another_patient_s_episode_is_refused(prom: Prom) -> None:
    prom.enrol(PATIENT, EPISODE)

    with pytest.raises(ApiError, match="There is an episode under this number already") as refused:
        prom.enrol({**PATIENT, "external_id": "P1002"}, EPISODE)

    assert refused.value.status == 409


def test_a_client_that_asks_too_often_waits_as_long_as_it_is_told(runtime: Runtime, key: str) -> None:
    slow = create_app(replace(runtime, settings=replace(runtime.settings, api_rate_limit=2)))
    waits: list[float] = []
    with serving(slow) as url:
        client = Prom(url, key, sleep=waits.append)
        client.flags()
        client.flags()
        with pytest.raises(ApiError) as refused:
            client.flags()

    assert (refused.value.status, len(waits)) == (429, 4)
    assert all(1 <= wait <= 60 for wait in waits)


def curl(line: str, variables: dict[str, str]) -> Any:
    """Send what a line with curl would send; a machine need not have it."""
    words = shlex.split(_filled(line, variables))
    assert words[:2] == ["curl", "-s"]
    method, headers, body, address = None, {}, None, ""
    rest = iter(words[2:])
    for word in rest:
        match word:
            case "-X":
                method = next(rest)
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case "-d":
                body = next(rest).encode()
            case _:
                address = word
    return urllib.request.Request(address, data=body, headers=headers, method=method)


def _filled(line: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$([A-Z]+)", lambda found: variables[found[1]], line.replace("\\\n", " "))


def test_every_line_of_the_guide_works_in_its_order(base_url: str, key: str, runtime: Runtime, clock: Clock) -> None:
    lines = re.findall(r"```sh\n(curl .*?)\n```", (DOCS / "api.md").read_text(encoding="utf-8"), re.DOTALL)
    variables = {"PROM": base_url, "KEY": key, "TODAY": f"{clock.advance(days=200):%Y-%m-%d}"}
    answers = []
    for line in lines:
        if "/flags?" in line:
            answer_with_a_symptom(runtime, clock)
        with urllib.request.urlopen(curl(line, variables)) as answer:
            content = json.load(answer)
            answers.append((answer.status, content))
        if '/episodes"' in line:
            variables["EPISODE"] = content["id"]
        if "/flags?" in line:
            variables["FLAG"] = content["items"][0]["id"]

    assert [status for status, _ in answers] == [201, 201, 201, 200, 200, 200, 200]
    assert answers[-1][1]["status"] == "resolved"
    with runtime.reading() as session:
        states = {one.timepoint: one.state for one in session.scalars(select(Administration))}
    assert states == {"baseline": "completed", "6-weeks": "planned", "3-months": "planned"}


def test_the_first_answers_sent_in_fhir_are_all_of_an_administration(
    prom: Prom, base_url: str, key: str, runtime: Runtime
) -> None:
    prom.enrol(PATIENT, EPISODE)
    with runtime.reading() as session:
        episode = builders.the_episode(session)
        baseline = builders.the_administration(session, episode, "baseline")
        asked = set(builders.complete_answers(baseline, episode))
    text = (DOCS / "interoperability.md").read_text(encoding="utf-8")
    line = next(one for one in re.findall(r"```sh\n(curl .*?)\n```", text, re.DOTALL) if "POST" in one)
    variables = {"BASE": base_url, "KEY": key, "ADMINISTRATION": str(baseline.id)}

    with urllib.request.urlopen(curl(line, variables)) as answer:
        taken = json.load(answer)

    with runtime.reading() as session:
        kept = session.get_one(Administration, baseline.id)
        answers = {one.instrument: one.answers for one in session.scalars(select(AnswerSet))}
    assert (taken["type"], kept.state) == ("transaction-response", "completed")
    assert {name for name, given in answers.items() if all(one is not None for one in given.values())} == asked


def test_the_client_needs_nothing_but_python() -> None:
    tree = ast.parse((DOCS / "examples" / "prom_client.py").read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.split(".")[0] for name in modules} <= {
        "json", "time", "urllib", "uuid", "collections", "dataclasses", "typing"
    }  # fmt: skip
