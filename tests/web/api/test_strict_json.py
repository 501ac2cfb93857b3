"""Bodies that two readers could understand differently are refused, and the sender is told why."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields
from werkzeug.exceptions import BadRequest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from prom_service.web.api import strict_json
from tests.web.api.caller import Caller, World

GOOD = b'{"external_id":"new","name":"Kim New","date_of_birth":"1970-01-01"}'

MALFORMED = {
    b"{": "Expecting",
    b"": "external_id",
    b"nonsense": "Expecting value",
    b'{"name": NaN}': "NaN is not a number in JSON",
    b'{"name": Infinity}': "Infinity is not a number",
    b'{"name": -Infinity}': "-Infinity is not a number",
    b'{"name": 1e400}': "too large",
    b'{"name": -1e400}': "too large",
    b'{"name": ' + b"9" * 5000 + b"}": "too long",
    b'{"name": 0.' + b"1" * 5000 + b"}": "too long",
    b'{"name": "a", "name": "b"}': "occurs twice",
    b'{"a": {"name": 1, "name": 1}}': "occurs twice",
    b'{"name": "\xff"}': "not UTF-8",
    b"\xef\xbb\xbf{}": "BOM",
    '{"name": "a"}'.encode("utf-16"): "not UTF-8",
    b'{"name": "\\ud800"}': "surrogate",
    b'{"\\udfff": 1}': "surrogate",
    b'{"name": "a\\u0000b"}': "NUL",
    b'{"name": "a\x00b"}': "control character",
    b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}": "deeper than 32",
    b"[" * 100_000: "deeper than 32",
    b'{"a":' * 50_000: "deeper than 32",
    b'{"name": "a"} {}': "Extra data",
    b"{'name': 'a'}": "property name",
    b'{"name": "a",}': "property name",
    b"// no\n{}": "Expecting value",
}


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:30]))
def test_a_malformed_body_is_a_problem_that_says_what_is_wrong(body: bytes, ours: Caller) -> None:
    response = ours.post("/patients", body)

    assert response.status_code in (400, 422)
    assert response.content_type == "application/problem+json"
    assert MALFORMED[body] in response.text


@pytest.mark.parametrize("root", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(root: bytes, ours: Caller) -> None:
    assert ours.post("/patients", root).status_code == 422


def test_a_body_of_256_kb_is_read_and_one_byte_more_is_not(ours: Caller) -> None:
    padding = b" " * (256_000 - len(GOOD))

    assert ours.post("/patients", GOOD + padding).status_code == 201
    assert ours.post("/patients", GOOD + padding + b" ").status_code == 413


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_a_body_of_another_media_type_is_refused(media_type: str, ours: Caller) -> None:
    response = ours.post("/patients", GOOD, Content_Type=media_type)

    assert response.status_code == 415
    assert response.content_type == "application/problem+json"


def test_a_body_may_be_left_out_where_nothing_in_it_is_needed(ours: Caller, world: World) -> None:
    response = ours.post(f"/patients/{world.patient.id}/pause")

    assert response.json["status"] == "paused"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("/flags?status=acknowledged&status=open", ["status"]),
        ("/flags?status=open&kind=a&kind=b&status=open", ["status", "kind"]),
        ("/patients?limit=2&limit=2", ["limit"]),
        ("/reports/utilization?from=2026-01-01&from=2026-02-01", ["from"]),
        ("/flag-events?after=0&after=1", ["after"]),
    ],
)
def test_a_parameter_that_is_given_twice_is_refused_by_name(query: str, named: list[str], ours: Caller) -> None:
    response = ours.get(query)

    assert (response.status_code, response.json["errors"]) == (422, {name: ["May be given once."] for name in named})


def test_a_parameter_that_is_a_list_may_be_given_twice() -> None:
    schema = Schema.from_dict({"kind": fields.List(fields.String())})()
    request = Request(create_environ(query_string="kind=a&kind=b"))

    query = strict_json.StrictParser().load_querystring(request, schema)

    assert schema.load(query) == {"kind": ["a", "b"]}


def test_32_levels_are_read() -> None:
    deepest = b"[" * 32 + b"]" * 32

    value = strict_json.read(deepest)

    for _level in range(31):
        [value] = value
    assert value == []


@pytest.mark.parametrize("text", [b'"[[[["', rb'"\"[{[{"', b'"' + b"[" * 100 + b'"'])
def test_brackets_in_a_text_are_no_levels(text: bytes) -> None:
    assert isinstance(strict_json.read(text), str)


def test_many_unfinished_texts_are_refused_in_linear_time() -> None:
    with pytest.raises(BadRequest):
        strict_json.read(b'"\\' * 120_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        strict_json.read(body)


KEYS = st.text('ab[{\\"é', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_well_formed_is_read_as_it_was_meant(value: object) -> None:
    assert strict_json.read(json.dumps(value).encode()) == value
