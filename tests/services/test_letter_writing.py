"""Every letter that the job really writes: of each pathway, timepoint, kind and language."""

import uuid
from itertools import product
from pathlib import Path

import pytest

from prom_service.language import SPOKEN
from prom_service.models import Administration, Episode, Message, Patient
from prom_service.models.message import MESSAGE_KINDS
from prom_service.runtime import Runtime
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.support.letters import faults, parse

PATHWAYS = ("hip-related-pain-1", "hip-osteoarthritis-1", "buttock-nerve-pain-1")
TIMEPOINTS = ("baseline", "6-weeks", "3-months")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The letters are the same on both databases."""
    return sqlite_url


def live(runtime: Runtime, clock: Clock, days: int) -> None:
    """Let so many days pass in which nobody answers."""
    for _ in range(days):
        clock.advance(days=1)
        jobs.open_due_administrations(runtime)
        jobs.send_due_messages(runtime)


def mailed(folder: Path) -> dict[uuid.UUID, bytes]:
    """Return the letters of the mailbox as they would go over the wire, by message."""
    letters = [path.read_bytes().replace(b"\n", b"\r\n") for path in (folder / "mailbox" / "new").iterdir()]
    return {uuid.UUID(str(parse(letter)["Message-ID"])[1:37]): letter for letter in letters}


def test_no_letter_that_is_mailed_tells_too_much_or_is_out_of_form(
    runtime: Runtime, clock: Clock, tmp_path: Path
) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now(), name="Northside Clinic")
        for language, pathway in product(SPOKEN, PATHWAYS):
            person = builders.a_patient(session, clinic, now=clock.now(), language=language, sex="female")
            details = {"pathway": pathway, "diagnosis": "sciatica", "clinician": "PT-Jones"}
            builders.an_episode(session, clinic, person, now=clock.now(), **details)
    clock.advance(hours=2)

    live(runtime, clock, days=115)

    found, kinds = {}, set()
    with runtime.reading() as session:
        for message_id, letter in mailed(tmp_path).items():
            message = session.get_one(Message, message_id)
            administration = session.get_one(Administration, message.administration_id)
            episode = session.get_one(Episode, administration.episode_id)
            patient = session.get_one(Patient, episode.patient_id)
            whose = (*patient.name.split(), str(patient.date_of_birth), patient.external_id, episode.external_id)
            found[message_id] = faults(letter, whose=(*whose, "sciatica", "PT-Jones", "female"))
            kinds.add((patient.language, episode.pathway, administration.timepoint, message.kind))
    assert {message: wrong for message, wrong in found.items() if wrong} == {}
    assert kinds == set(product(SPOKEN, PATHWAYS, TIMEPOINTS, MESSAGE_KINDS))
