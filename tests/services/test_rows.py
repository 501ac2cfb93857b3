"""Holding a row before it is decided on."""

from pathlib import Path

from prom_service.models import Patient
from prom_service.services import standing
from prom_service.services.rows import hold
from tests import mailroom
from tests.fakes import Clock


def test_a_held_row_is_as_it_is_now_and_not_as_it_was_read(postgres_url: str, tmp_path: Path, clock: Clock) -> None:
    with mailroom.mail_runtime(postgres_url, tmp_path, clock) as prom:
        with prom.transaction() as session:
            patient_id = mailroom.patient(session, mailroom.clinic(session)).id

        with prom.transaction() as session:
            patient = session.get_one(Patient, patient_id)
            with prom.transaction() as other:
                standing.pause(other, other.get_one(Patient, patient_id), actor="test", now=clock.now())
            hold(session, patient)

            assert patient.status == "paused"
            standing.resume(session, patient, actor="test", now=clock.now())

        with prom.reading() as session:
            assert session.get_one(Patient, patient_id).status == "active"
