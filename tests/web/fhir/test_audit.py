"""What is read or sent in FHIR is on record as everything else: who, what, of whom."""

import json
import uuid

from flask.testing import FlaskClient

from prom_service.runtime import Runtime
from prom_service.web.guards import ANY_KEY
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World
from tests.web.api.test_audit import entries
from tests.web.fhir.documents import POST, ROOT, a_response, a_transaction, named
from tests.web.fhir.test_access import routes_of, send
from tests.web.fhir.test_reading import found, ids_of

OF_NOBODY = (ANY_KEY, "public")


def whose(prom: Runtime) -> list[str]:
    """The patients whom the last entry names."""
    named: list[str] = json.loads(entries(prom)[-1].subjects).get("patient", [])
    return named


def test_every_route_that_tells_of_a_patient_names_the_patient(
    client: FlaskClient, ours: Caller, world: World, ids: dict[str, uuid.UUID], runtime: Runtime
) -> None:
    telling = [route for route, scope in routes_of(client.application).items() if scope not in OF_NOBODY]
    before = len(entries(runtime))

    statuses = {send(ours, route, world, ids).status_code for route in telling}

    noted = entries(runtime)[before:]
    assert statuses <= {200, 201}
    assert [one.act.replace("/fhir", "") for one in noted] == telling
    assert {route: json.loads(one.subjects).get("patient") for route, one in zip(telling, noted, strict=True)} == {
        route: [str(world.patient.id)] for route in telling
    }
    assert {one.clinic_id for one in noted} == {world.clinic.id}


def test_every_kind_of_thing_is_on_record_by_its_own_name(
    ours: Caller, world: World, ids: dict[str, uuid.UUID], runtime: Runtime
) -> None:
    nouns = {"EpisodeOfCare": ("episode", world.episode.id), "Flag": ("flag", world.flag_id)}
    nouns |= {"Encounter": ("visit", world.visit.id), "Patient": ("patient", world.patient.id)}

    for kind, (noun, id_) in nouns.items():
        for path in (f"{ROOT}/{kind}", f"{ROOT}/{kind}/{ids[kind]}"):
            ours.get(path)

            assert json.loads(entries(runtime)[-1].subjects) == {
                "patient": [str(world.patient.id)],
                noun: [str(id_)],
            }


def test_a_page_names_those_on_it_and_nobody_of_the_next(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        builders.a_patient(session, world.clinic, now=clock.now())

    counts = []
    for query in ("", "?_count=1", f"?_id={uuid.uuid4()}"):
        shown = found(ours, f"Patient{query}")

        counts.append(entries(runtime)[-1].shown)
        assert whose(runtime) == sorted(ids_of(shown))

    assert counts == [2, 1, 0]


def test_answers_that_are_sent_again_are_on_record_each_time(ours: Caller, world: World, runtime: Runtime) -> None:
    document = a_response(world)
    before = len(entries(runtime))

    for address, body in ((POST, document), (f"{ROOT}/", a_transaction(document))):
        for _ in range(2):
            ours.post(address, body, Idempotency_Key=f"once-{len(address)}")

            assert whose(runtime) == [str(world.patient.id)]

    assert len(entries(runtime)) == before + 4


def test_who_is_told_that_answers_are_there_already_is_on_record(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        other = builders.an_episode(session, world.clinic, now=clock.now())
        opened = builders.the_administration(session, other, "baseline")
    condition = f"patient={world.patient.id}&questionnaire=urn:prom-service:questionnaire:nprs|1.0"
    elsewhere = a_response(world, basedOn=[named(opened.id)])

    answer = ours.post(POST, elsewhere, If_None_Exist=condition)

    assert answer.status_code == 200
    assert str(world.patient.id) in whose(runtime)
