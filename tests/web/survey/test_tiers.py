"""A symptom that a clinic has raised to an emergency is one on the patient's pages too."""

import datetime as dt
from typing import Any

import pytest

from prom_service.pathway.definition import DEFAULT, text_of
from prom_service.runtime import Runtime
from prom_service.services import pathway_changes
from tests import builders
from tests.web.survey.visitor import Visitor, heading, link_to

RAISED = '[safety]\nemergency = ["R9"]\n\n[anchors]'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (text_of(DEFAULT).replace("limit = 14", "limit = 15"), "Please speak to someone today"),
        (text_of(DEFAULT).replace("[anchors]", RAISED, 1), "Please get medical help now"),
    ],
)
def test_the_advice_is_that_of_the_version_the_patient_is_on(
    client: Any, runtime: Runtime, text: str, said: str
) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=runtime.now())
        put_in_force(session, clinic, text, now=runtime.now())
        episode = builders.an_episode(session, clinic, now=runtime.now())
        token = link_to(runtime, session, builders.the_administration(session, episode, "baseline"))
    visitor = Visitor(client, token)
    visitor.start()
    place = next(f"/{number}" for number in range(1, 40) if '"safety-1.0-R9"' in visitor.open(f"/{number}").text)

    visitor.press(place, "next", **{"safety-1.0-R9": "1"})

    assert heading(visitor.open(f"{place}/advice")) == said


def put_in_force(session: Any, clinic: Any, text: str, *, now: dt.datetime) -> None:
    author, other = (builders.a_colleague(session, clinic, now=now) for _ in range(2))
    by = {"actor": "test", "now": now}
    version = pathway_changes.draft(session, clinic, text, note="Agreed.", author_id=author.id, **by)
    seen = pathway_changes.preview(session, version, now=now)
    pathway_changes.note_preview(session, clinic, version, seen, seen_by_id=other.id, **by)
    pathway_changes.activate(session, clinic, version, by_id=other.id, **by)
