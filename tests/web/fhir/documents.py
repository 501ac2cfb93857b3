"""What a program sends: responses to questionnaires, alone or together."""

from typing import Any

import instruments
from instruments.interchange import names
from instruments.interchange.fhir_answers import response_items
from tests.web.api.caller import World

ROOT = "http://localhost/fhir"
POST = f"{ROOT}/QuestionnaireResponse"


def a_response(world: World, ref: str = "nprs-1.0", answers: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A response to one questionnaire of the administration that is open; None takes a member out."""
    instrument = instruments.find(ref)
    document = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": names.canonical(instrument),
        "basedOn": [named(world.administration.id)],
        "item": response_items(instrument, {"Q1": 3} if answers is None else answers),
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def named(administration_id: Any) -> dict[str, Any]:
    """The reference by which an administration is named."""
    return {"identifier": {"system": "urn:prom-service:administration", "value": str(administration_id)}}


def a_transaction(*responses: Any) -> dict[str, Any]:
    """Responses that are one set."""
    request = {"method": "POST", "url": "QuestionnaireResponse"}
    entries = [{"resource": response, "request": request} for response in responses]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def places(outcome: Any) -> list[str]:
    """Where the issues of an outcome are."""
    return [place for issue in outcome["issue"] for place in issue.get("expression", [])]
