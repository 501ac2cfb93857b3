"""The API document and the page that shows it."""

import datetime as dt
import re
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from prom_service.services.retention import REQUESTS_KEPT
from tests.web.api.test_access import BODIES


def test_the_document_holds_every_route_with_its_key_and_its_problems(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json

    described = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert document["openapi"] == "3.1.0"
    assert described == {re.sub(r"<\w+:(\w+)>", r"{\1}", route) for route in BODIES}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                assert operation["security"] == [{"key": []}]
                assert operation["summary"]
                assert {"401", "403", "404"} <= operation["responses"].keys()


def test_the_document_says_how_long_a_request_is_remembered(client: FlaskClient) -> None:
    hours = int(REQUESTS_KEPT / dt.timedelta(hours=1))

    assert f"for {hours} hours" in client.get("/api/v1/openapi.json").json["info"]["description"]


def test_the_document_says_where_the_routes_of_fhir_are_described(client: FlaskClient) -> None:
    said = client.get("/api/v1/openapi.json").json["info"]["description"]

    [address] = re.findall(r"CapabilityStatement is `GET (\S+)`, without a key", said)
    described = client.get(address)

    assert described.status_code == 200
    assert described.json["resourceType"] == "CapabilityStatement"


def test_problems_are_described_as_what_they_are(client: FlaskClient) -> None:
    responses = client.get("/api/v1/openapi.json").json["components"]["responses"]

    assert list(responses["NOT_FOUND"]["content"]) == ["application/problem+json"]


def test_the_page_and_everything_on_it_come_from_here(client: FlaskClient) -> None:
    page = client.get("/api/docs")

    addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
    assert len(addresses) >= 5
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)
    for address in addresses:
        with client.get(address) as asset:
            assert asset.status_code == 200
    assert "<script>" not in page.text


def test_every_route_shows_what_it_takes_and_answers_and_each_example_is_by_its_schema(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    registry = Registry().with_resource("document", Resource.from_contents(document, DRAFT202012))
    shown = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [one.get("content", {}) for status, one in operation["responses"].items() if status[0] == "2"]
            for content in [one["application/json"] for one in contents if "application/json" in one]:
                if content.get("schema"):
                    schema = _within_document(content["schema"])
                    Draft202012Validator(schema, registry=registry).validate(content["example"]), (path, method)
                    shown += 1

    assert shown > 50


def _within_document(schema: Any) -> Any:
    """The schema with its references leading into the document."""
    if isinstance(schema, dict):
        return {key: f"document{value}" if key == "$ref" else _within_document(value) for key, value in schema.items()}
    return [_within_document(one) for one in schema] if isinstance(schema, list) else schema
