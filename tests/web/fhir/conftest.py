"""The small world of the API's tests, read in FHIR."""

import uuid

import pytest
from sqlalchemy import select

from prom_service.models import AnswerSet, Response, Score
from prom_service.runtime import Runtime
from tests.web.api.caller import World
from tests.web.api.conftest import key_with, ours, theirs, world

__all__ = ["ids", "key_with", "ours", "theirs", "world"]


@pytest.fixture
def ids(runtime: Runtime, world: World) -> dict[str, uuid.UUID]:
    """The id of one resource of each kind."""
    with runtime.reading() as session:
        response = session.scalars(select(Response).where(Response.clinic_id == world.clinic.id)).one()
        nprs = AnswerSet.response_id == response.id, AnswerSet.instrument == "nprs-1.0"
        return {
            "Patient": world.patient.id,
            "EpisodeOfCare": world.episode.id,
            "Encounter": world.visit.id,
            "QuestionnaireResponse": session.scalars(select(AnswerSet.id).where(*nprs)).one(),
            "Observation": session.scalars(select(Score.id).where(Score.response_id == response.id).limit(1)).one(),
            "Flag": world.flag_id,
        }
