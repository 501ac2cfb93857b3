"""What is read in FHIR is what the service keeps; two validators find nothing wrong with it."""

import datetime as dt
from typing import Any

import pytest

import instruments
from prom_service.models import Administration, Patient
from prom_service.runtime import Runtime
from prom_service.services import administrations, enrolment, standing, submission, visits
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World
from tests.web.fhir.documents import ROOT

KINDS = ("Patient", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation", "Flag", "Questionnaire")


def found(caller: Caller, path: str) -> list[Any]:
    """The resources that a search finds on its first page."""
    return [entry["resource"] for entry in caller.get(f"{ROOT}/{path}").json.get("entry", [])]


def ids_of(resources: list[Any]) -> list[str]:
    return [resource["id"] for resource in resources]


def test_two_validators_find_nothing_wrong(ours: Caller, judges: Any) -> None:
    answers = {kind: ours.get(f"{ROOT}/{kind}") for kind in (*KINDS, "metadata")}

    assert [fault for answer in answers.values() for fault in judges.faults(answer.json)] == []
    assert {kind for kind, answer in answers.items() if "entry" in answer.json} == set(KINDS)


def test_what_a_search_finds_is_what_is_read_by_its_id(ours: Caller) -> None:
    entries = [entry for kind in KINDS for entry in ours.get(f"{ROOT}/{kind}").json["entry"]]

    assert [ours.get(entry["fullUrl"]).json for entry in entries] == [entry["resource"] for entry in entries]


def test_what_has_not_changed_is_not_sent_again(ours: Caller) -> None:
    addresses = [ours.get(f"{ROOT}/{kind}").json["entry"][0]["fullUrl"] for kind in KINDS]

    again = [ours.get(address, If_None_Match=ours.get(address).headers["ETag"]) for address in addresses]

    assert {(answer.status_code, answer.data) for answer in again} == {(304, b"")}


def test_answers_and_scores_are_those_on_record(ours: Caller, world: World) -> None:
    responses = {one["questionnaire"]: one for one in found(ours, "QuestionnaireResponse")}
    scores = {one["code"]["coding"][-1]["code"]: one for one in found(ours, "Observation")}

    pain, hip = responses["urn:prom-service:questionnaire:nprs|1.0"], scores["ihot-12-1.0.total"]
    assert pain["item"] == [{"linkId": "section-1", "item": [{"linkId": "Q1", "answer": [{"valueInteger": 5}]}]}]
    assert pain["subject"] == hip["subject"] == {"reference": f"Patient/{world.patient.id}"}
    assert (hip["valueQuantity"]["value"], hip["status"]) == (40, "final")
    assert hip["derivedFrom"] == [
        {"reference": f"QuestionnaireResponse/{responses['urn:prom-service:questionnaire:ihot-12|1.0']['id']}"}
    ]
    assert hip["meta"]["tag"][0]["code"] == "provisional-wording"


def test_hoos_scores_have_their_loinc_codes_and_derived_ones_rest_on_the_longer_form(
    ours: Caller, world: World, runtime: Runtime, clock: Clock, judges: Any
) -> None:
    with runtime.transaction() as session:
        patient = builders.a_patient(session, world.clinic, now=clock.now())
        episode = builders.an_episode(session, world.clinic, patient, now=clock.now(), pathway="hip-osteoarthritis-1")
        baseline = builders.the_administration(session, episode, "baseline")
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=clock.now())

    scores = {one["code"]["coding"][-1]["code"]: one for one in found(ours, f"Observation?patient={patient.id}")}
    by_loinc = found(ours, "Observation?code=http://loinc.org|72097-9")
    by_its_number = found(ours, "Observation?code=72097-9")
    elsewhere = found(ours, "Observation?code=urn:prom-service:scale|72097-9")
    [hoos] = found(
        ours, f"QuestionnaireResponse?patient={patient.id}&questionnaire=urn:prom-service:questionnaire:hoos|2.0"
    )

    assert by_loinc == by_its_number == [scores["hoos-2.0.pain"]]
    assert elsewhere == []
    assert scores["hoos-2.0.pain"]["code"]["coding"][0] == {"system": "http://loinc.org", "code": "72097-9"}
    assert scores["hoos-jr-1.0.total"]["code"]["coding"][0]["code"] == "82323-7"
    assert scores["hoos-jr-1.0.total"]["derivedFrom"] == [{"reference": f"QuestionnaireResponse/{hoos['id']}"}]
    assert [fault for one in (*scores.values(), hoos) for fault in judges.faults(one)] == []


def test_a_missing_score_says_that_it_is_missing(
    ours: Caller, world: World, runtime: Runtime, clock: Clock, judges: Any
) -> None:
    with runtime.transaction() as session:
        administration = session.get_one(Administration, world.administration.id)
        submission.submit(session, administration, answers={"ihot-12-1.0": {"Q1": 3}}, now=clock.now())

    [score] = found(ours, "Observation?code=ihot-12-1.0.total&date=2026-03-02")
    answered = found(ours, "QuestionnaireResponse?date=2026-03-02")

    assert "valueQuantity" not in score
    assert score["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert [one["questionnaire"] for one in answered] == ["urn:prom-service:questionnaire:ihot-12|1.0"]
    assert judges.faults(score) == []


def test_an_amendment_and_a_set_that_was_cut_off_are_told_apart(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        baseline = builders.the_administration(session, world.episode, "baseline")
        submission.submit(session, baseline, answers={"nprs-1.0": {"Q1": 4}}, now=clock.now())
        submission.start(session, world.administration, now=clock.now())
        submission.save_answers(session, world.administration, {"nprs-1.0": {"Q1": 4}}, now=clock.now())
        administrations.close_late(session, now=world.administration.late_after, limit=10)

    statuses = {(one["status"], _timepoint(one)) for one in found(ours, "QuestionnaireResponse")}
    scores = {(one["status"], _timepoint(one)) for one in found(ours, "Observation")}

    assert statuses == {("completed", "baseline"), ("amended", "baseline"), ("stopped", "6-weeks")}
    assert scores == {("final", "baseline"), ("amended", "baseline"), ("preliminary", "6-weeks")}


def _timepoint(resource: Any) -> str:
    [said] = [one for one in resource["extension"] if one["url"] == "urn:prom-service:timepoint"]
    return str(said["valueCode"])


def test_a_visit_is_an_encounter_of_its_day(
    ours: Caller, world: World, runtime: Runtime, clock: Clock, judges: Any
) -> None:
    reported = {"came": {}, "no-show": {"status": "no_show"}, "far": {"format": "telehealth"}}
    with runtime.transaction() as session:
        for number, said in reported.items():
            details = VisitDetails(visited_on=dt.date(2026, 2, 3), clinician="DR-2", **said)
            visits.record_visit(session, world.episode, number, details, actor=builders.ACTOR, now=clock.now())

    shown = {number: found(ours, f"Encounter?identifier={number}")[0] for number in reported}

    kinds = {number: (one["status"], one["class"]["code"]) for number, one in shown.items()}
    assert kinds == {"came": ("finished", "AMB"), "no-show": ("cancelled", "AMB"), "far": ("finished", "VR")}
    assert shown["came"]["period"] == {"start": "2026-02-03", "end": "2026-02-03"}
    assert shown["came"]["episodeOfCare"] == [{"reference": f"EpisodeOfCare/{world.episode.id}"}]
    assert [fault for one in shown.values() for fault in judges.faults(one)] == []


def test_a_visit_that_was_taken_back_was_entered_in_error(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        visits.void_visit(session, world.episode, "V1", actor=builders.ACTOR, now=clock.now())

    [shown] = found(ours, f"Encounter?patient={world.patient.id}")

    assert (shown["status"], shown["meta"]["lastUpdated"]) == ("entered-in-error", "2026-03-02T08:00:00+00:00")


def test_a_patient_who_has_died_is_so_in_fhir(ours: Caller, world: World, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, world.patient.id)
        standing.mark_deceased(session, patient, actor=builders.ACTOR, now=clock.now())

    [shown] = found(ours, "Patient?_lastUpdated=ge2026-03-02")

    assert (shown["active"], shown["deceasedBoolean"]) == (False, True)


def test_a_patient_whose_death_was_taken_back_is_alive_in_fhir_and_shown_as_changed(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, world.patient.id)
        standing.mark_deceased(session, patient, actor=builders.ACTOR, now=clock.now())
        clock.advance(days=1)
        standing.resume(session, patient, note="Wrong patient", actor=builders.ACTOR, now=clock.now())

    [shown] = found(ours, "Patient?_lastUpdated=ge2026-03-03")

    assert shown["active"]
    assert "deceasedBoolean" not in shown


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"name": "New Name"}, True),
        ({"date_of_birth": dt.date(1980, 2, 3)}, True),
        ({"sex": "other"}, True),
        ({"language": "es"}, True),
        ({"email": "new@example.org", "email_allowed": True}, True),
        ({"name": "Alex Example", "sex": "unknown"}, False),
        ({"time_zone": "Europe/Paris"}, False),
    ],
)
def test_a_patient_of_whom_something_shown_changed_is_found_by_the_change(
    changes: dict[str, Any], moves: bool, ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, world.patient.id)
        enrolment.change_patient(session, patient, changes, actor=builders.ACTOR, now=clock.now())

    assert len(found(ours, "Patient?_lastUpdated=ge2026-03-02")) == moves


def test_a_close_and_a_correction_of_its_day_are_found_by_the_change(ours: Caller, world: World, clock: Clock) -> None:
    shown = []
    for correct in (False, True):
        day = clock.advance(days=1).date().isoformat()
        said = {"closed_on": day, "reason": "Mistyped", "correct": correct}
        ours.post(f"/episodes/{world.episode.id}/close", said)
        shown += found(ours, f"EpisodeOfCare?_lastUpdated={day}")

    assert [one["period"]["end"] for one in shown] == ["2026-03-03", "2026-03-04"]


def test_a_visit_that_begins_or_ends_to_serve_an_episode_is_found_by_the_change(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    details = VisitDetails(visited_on=world.today)
    with runtime.transaction() as session:
        other = builders.an_episode(session, world.clinic, world.patient, now=clock.now(), side="right")
        visits.record_visit(session, world.episode, "V1", details, actor=builders.ACTOR, now=clock.now())

    clock.advance(days=1)
    with runtime.transaction() as session:
        visits.record_visit(session, other, "V1", details, actor=builders.ACTOR, now=clock.now())
    begun = found(ours, "Encounter?_lastUpdated=2026-03-03")
    clock.advance(days=1)
    with runtime.transaction() as session:
        visits.void_visit(session, other, "V1", actor=builders.ACTOR, now=clock.now())
    ended = found(ours, "Encounter?_lastUpdated=2026-03-04")

    assert [len(one["episodeOfCare"]) for one in (*begun, *ended)] == [2, 1]
    assert begun[0]["meta"]["lastUpdated"] == "2026-03-03T08:00:00+00:00"


def test_a_flag_is_active_as_long_as_it_is_live(ours: Caller, world: World) -> None:
    before = found(ours, "Flag")[0]
    ours.post(f"/flags/{world.flag_id}/resolve", {"reason": "contacted"})
    after = found(ours, "Flag")[0]

    assert (before["status"], after["status"]) == ("active", "inactive")
    assert before["code"]["coding"][0]["code"] == "red_flag_symptom"
    assert "end" in after["period"]


FOUND = {
    "Observation?date=2026-01-19": 2,
    "Observation?date=2026-01": 2,
    "Observation?date=2026": 2,
    "Observation?date=ne2026": 0,
    "Observation?date=lt2026-01-19": 0,
    "Observation?date=le2026-01-19": 2,
    "Observation?date=gt2026-01-19": 0,
    "Observation?date=ge2026-01-19": 2,
    "Observation?date=sa2026-01-19T07:59:59Z&date=eb2026-01-20": 2,
    "Observation?date=2026-01-19T08:00:00Z": 2,
    "Observation?date=2026-01-19T08:00:00.000%2B00:00": 2,
    "Observation?_lastUpdated=gt2026-02": 0,
    "Observation?code=urn:prom-service:scale|nprs-1.0.total": 1,
    "Observation?code=nprs-1.0.total": 1,
    "Observation?code=http://loinc.org|nprs-1.0.total": 0,
    "Observation?code=urn:oid:1.2.3.4|nprs-1.0.total": 0,
    "Observation?code=|nprs-1.0.total": 0,
    "Observation?code=nobody": 0,
    "EpisodeOfCare?date=2026-01-19": 1,
    "EpisodeOfCare?date=ge2026-01-20": 0,
    "EpisodeOfCare?_lastUpdated=2026-01-19": 1,
    "Encounter?date=le2026-01-19T23:00:00Z": 1,
    "Encounter?_lastUpdated=2026-01": 1,
    "Patient?identifier=nobody": 0,
    "Patient?_id=01a2149b-3592-73e1-918b-1fd5ac32d379": 0,
    "Observation?code=http://loinc.org|72097-9": 0,
    "QuestionnaireResponse?questionnaire=urn:prom-service:questionnaire:nprs": 1,
    "QuestionnaireResponse?questionnaire=urn:prom-service:questionnaire:nprs|2.0": 0,
    "Questionnaire?url=urn:prom-service:questionnaire:hoos": 1,
    "Questionnaire?url=urn:prom-service:questionnaire:hoos|1.0": 0,
    "Questionnaire?version=2.0": 1,
}


def test_a_search_finds_what_meets_its_conditions(ours: Caller) -> None:
    assert {query: len(found(ours, query)) for query in FOUND} == FOUND


def test_a_number_is_searched_in_its_own_system_only(ours: Caller, theirs: Caller, world: World) -> None:
    numbers = {kind: found(ours, kind)[0]["identifier"][0] for kind in ("Patient", "EpisodeOfCare", "Encounter")}
    own = {kind: number["system"] for kind, number in numbers.items()}
    elsewhere = {system.replace(str(world.clinic.id), str(world.patient.id)) for system in own.values()}
    systems = {"urn:oid:1.2.3.4", "", *own.values(), *elsewhere}

    finding = {
        kind: [system for system in systems if found(ours, f"{kind}?identifier={system}|{number['value']}")]
        for kind, number in numbers.items()
    }
    alone = [len(found(ours, f"{kind}?identifier={number['value']}")) for kind, number in numbers.items()]
    theirs_too = [found(theirs, f"{kind}?identifier={own[kind]}|{numbers[kind]['value']}") for kind in own]

    assert finding == {kind: [system] for kind, system in own.items()}
    assert (alone, theirs_too) == ([1, 1, 1], [[], [], []])


def test_a_search_by_patient_finds_that_patients_only(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    kinds = [kind for kind in KINDS if kind not in ("Patient", "Questionnaire")]
    everything = [found(ours, kind) for kind in kinds]
    with runtime.transaction() as session:
        other = builders.a_patient(session, world.clinic, now=clock.now())

    assert [found(ours, f"{kind}?patient=Patient/{world.patient.id}") for kind in kinds] == everything
    assert [found(ours, f"{kind}?subject={world.patient.id}") for kind in kinds] == everything
    assert [found(ours, f"{kind}?patient={other.id}") for kind in kinds] == [[]] * len(kinds)


UNREADABLE = {
    "Patient?name=x": "name",
    "Patient?_count=0": "_count",
    "Patient?_count=x": "_count",
    "Patient?identifier=a&identifier=b": "identifier",
    "Patient?identifier=%00": "identifier",
    "Patient?_id=x": "_id",
    "Patient?_id=urn:other|01a2149b-3592-73e1-918b-1fd5ac32d379": "_id",
    "Observation?patient=urn:other|01a2149b-3592-73e1-918b-1fd5ac32d379": "patient",
    "Observation?code=%00": "code",
    "QuestionnaireResponse?questionnaire=%00": "questionnaire",
    "Patient?identifier=": "identifier",
    "Patient?_format=xml": "_format",
    "Patient?cursor=x": "cursor",
    "Observation?date=yesterday": "date",
    "Observation?date=ap2026": "date",
    "Observation?date=2026-02-30": "date",
    "Observation?date=0001": "date",
    "Observation?date=2026-01-01T99:00:00Z": "date",
    "Observation?date=2026,2027": "date",
    "Observation?patient=Group/1": "patient",
    "Observation?patient=x": "patient",
    "QuestionnaireResponse?based-on=x": "based-on",
    "QuestionnaireResponse?based-on=urn:other|01a2149b-3592-73e1-918b-1fd5ac32d379": "based-on",
}


def test_a_parameter_that_cannot_be_read_is_named(ours: Caller, judges: Any) -> None:
    answers = {query: ours.get(f"{ROOT}/{query}") for query in UNREADABLE}

    assert {query: answer.json["issue"][0]["expression"] for query, answer in answers.items()} == {
        query: [name] for query, name in UNREADABLE.items()
    }
    assert {answer.status_code for answer in answers.values()} == {422}
    assert [fault for answer in answers.values() for fault in judges.faults(answer.json)] == []


def test_pages_lead_on_and_show_each_row_once(ours: Caller) -> None:
    everything = ids_of(found(ours, "Questionnaire?_count=1"))
    address, seen = f"{ROOT}/Observation?_count=1&date=ge2026", []
    while address and len(seen) < 10:
        page = ours.get(address).json
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert sorted(seen) == sorted(ids_of(found(ours, "Observation")))
    assert len(seen) == 2
    assert len(everything) == len(instruments.all_instruments())


def test_questionnaires_are_in_the_words_in_force_at_the_clinic(
    ours: Caller, theirs: Caller, world: World, runtime: Runtime, clock: Clock, judges: Any
) -> None:
    with runtime.transaction() as session:
        builders.a_pack(session, world.clinic, "nprs-1.0", now=clock.now())

    shown = ours.get(f"{ROOT}/Questionnaire/nprs-1.0").json
    elsewhere = theirs.get(f"{ROOT}/Questionnaire/nprs-1.0").json

    assert shown["title"] == "Official"
    assert "own and provisional" not in shown["copyright"]
    assert "own and provisional" in elsewhere["copyright"]
    assert "_title" not in shown
    assert "_title" in elsewhere
    assert judges.faults(shown) == []


def test_the_statement_names_what_is_there(client: Any) -> None:
    statement = client.get("/fhir/metadata").json

    resources = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert set(resources) == set(KINDS)
    assert statement["rest"][0]["interaction"] == [{"code": "transaction"}]
    assert [one["code"] for one in resources["QuestionnaireResponse"]["interaction"]] == [
        "read",
        "search-type",
        "create",
    ]
