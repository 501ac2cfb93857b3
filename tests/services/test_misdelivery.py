"""A link that reached the wrong person."""

from sqlalchemy import select

from prom_service.models import Message, Patient, PatientChange
from prom_service.runtime import Runtime
from prom_service.services import access, enrolment, misdelivery
from tests.builders import a_clinic, a_patient, an_episode, the_administration
from tests.fakes import Clock


def test_everything_to_the_address_stops_and_its_links_die(runtime: Runtime, clock: Clock):
    now, secret = clock.now(), runtime.settings.secret
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now)
        wrong, other = (a_patient(session, clinic, now=now) for _ in range(2))
        baselines = [
            the_administration(session, an_episode(session, clinic, patient, now=now), "baseline")
            for patient in (wrong, other)
        ]
        dead, alive = (access.issue_link(session, baseline, secret=secret, now=now) for baseline in baselines)

        for _ in range(2):
            misdelivery.report_wrong_person(session, wrong, now=now)

    with runtime.reading() as session:
        assert access.find_link(session, dead, secret=secret) is None
        assert access.find_link(session, alive, secret=secret) is not None
        assert list(session.scalars(select(PatientChange.kind))).count("not_me") == 1
        phases = session.execute(select(Message.administration_id, Message.phase))
        assert {phase for owner, phase in phases if owner == baselines[0].id} == {"cancelled"}
        phases = session.execute(select(Message.administration_id, Message.phase))
        assert {phase for owner, phase in phases if owner == baselines[1].id} == {"planned"}


def test_a_corrected_address_may_be_mailed_again(runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        patient = a_patient(session, a_clinic(session, now=clock.now()), now=clock.now())
        misdelivery.report_wrong_person(session, patient, now=clock.now())

        enrolment.change_patient(session, patient, {"email": "right@example.org"}, actor="command", now=clock.now())

    with runtime.reading() as session:
        assert session.get_one(Patient, patient.id).bounced_at is None
