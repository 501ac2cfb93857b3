"""Whatever is sent, the answer is one that was foreseen: taken, or an OperationOutcome that says why not."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from werkzeug.test import TestResponse

from tests.web.api.caller import Caller, World
from tests.web.fhir.documents import POST, ROOT, a_response, a_transaction

FORESEEN = {200, 201, 400, 404, 409, 412, 422}
ONE_WORLD = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """The stricter of the two: it refuses what no column can hold."""
    return postgres_url


scalars = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=8)
)
rubbish = some.recursive(
    scalars,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
moments = some.datetimes().map(lambda moment: f"ge{moment.isoformat()}")
PARAMETERS = ("patient", "date", "_lastUpdated", "_count", "_id", "cursor", "code", "questionnaire", "based-on", "url")
KINDS = ("Patient", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation", "Flag", "Questionnaire")


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document."""
    yield path
    if isinstance(document, dict | list):
        inner = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in inner:
            yield from places(value, (*path, name))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the document with another value at a path."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


def check(answer: TestResponse) -> None:
    """Hold the answer to what was foreseen."""
    assert answer.status_code in FORESEEN
    assert answer.content_type == "application/fhir+json"
    assert answer.status_code < 400 or answer.json["resourceType"] == "OperationOutcome"


@ONE_WORLD
@given(data=some.data())
def test_a_response_with_rubbish_anywhere_in_it_is_refused_or_taken(
    data: some.DataObject, client: FlaskClient, world: World
) -> None:
    subject = {"reference": f"Patient/{world.patient.id}"}
    mode = [{"url": "urn:prom-service:mode", "valueCode": "phone"}]
    score = {"resourceType": "Observation", "code": {"coding": [{"code": "x"}]}, "valueQuantity": {"value": 1}}
    full = {"subject": subject, "source": subject, "authored": "2026-03-01", "extension": mode, "contained": [score]}
    document = a_response(world, "ihot-12-1.0", {"Q1": 3, "Q5": "NA"}, language="en", **full)
    whole = data.draw(some.sampled_from([document, a_transaction(document)]))
    path = data.draw(some.sampled_from(sorted(places(whole), key=str)))

    sent = replaced(whole, path, data.draw(rubbish))

    check(Caller(client, world.key).post(data.draw(some.sampled_from([POST, ROOT])), sent))


@ONE_WORLD
@given(
    kind=some.sampled_from(KINDS),
    query=some.lists(some.tuples(some.sampled_from(PARAMETERS), some.text(max_size=12) | moments), max_size=3),
)
def test_a_search_for_rubbish_is_refused_or_finds_something(
    kind: str, query: list[tuple[str, str]], client: FlaskClient, world: World
) -> None:
    answer = client.get(f"/fhir/{kind}", query_string=query, headers={"Authorization": f"Bearer {world.key}"})

    check(answer)
