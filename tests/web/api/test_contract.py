"""The API does what its document says: generated requests find no server error and no answer outside the document."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from tests.web.api.caller import World

EXAMPLES, FULL_EXAMPLES = 4, 150
"""Requests generated for each route and kind: those the document allows, and those it forbids."""
LASTING = ("/withdraw", "/deceased", "/close", "/tasks/{task_id}")
"""Routes that leave little to do for others; they come last."""
CHECKS = {
    # Every request is sent with the key, so none is generated without it: a request is judged as it was sent. What
    # becomes of one without a key is tested for every route in tests/web/api/test_access.py.
    "generation": {"with-security-parameters": False},
    "checks": {
        "missing_required_header": {"expected-statuses": [428]},
        # A document cannot say everything a clinic may not do: 404, 409, 412 and 422 are honest answers too.
        "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 400, 404, 409, 412, 422]},
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428]},
    },
}

# A document cannot say which days a clinic could mean; these are such days, beside the edges of the calendar.
DAYS = st.dates(dt.date(2025, 6, 1), dt.date(2026, 4, 1)) | st.dates()
INSTANTS = st.builds(dt.datetime.combine, DAYS, st.times(), st.just(dt.UTC))
schemathesis.openapi.format("date", DAYS.map(str))
schemathesis.openapi.format("date-time", INSTANTS.map(dt.datetime.isoformat))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_generated_requests_find_no_fault_and_no_breach(
    mode: GenerationMode, app: Flask, world: World, full: bool
) -> None:
    contract = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=SchemathesisConfig.from_dict(CHECKS))
    faults = {}

    for operation in _operations(contract):
        if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue
        try:
            _try(operation, mode, world, FULL_EXAMPLES if full else EXAMPLES)
        except FailureGroup as fault:
            faults[operation.label] = str(fault)

    assert not faults, "\n".join(faults.values())


def _operations(contract: Any) -> Iterator[Any]:
    found = [result.ok() for result in contract.get_all_operations()]
    return iter(sorted(found, key=lambda operation: operation.path.endswith(LASTING)))


def _can_be_wrong(operation: Any) -> bool:
    """Say whether a request can break the document: it has more to it than ids, a key and a free text as ETag."""
    headers = {header.name for header in operation.headers} - {"If-None-Match"}
    return bool(operation.query or operation.body or headers)


def _try(operation: Any, mode: GenerationMode, world: World, examples: int) -> None:
    """Send generated requests about things that are there."""
    known = {
        "patient_id": str(world.patient.id),
        "episode_id": str(world.episode.id),
        "administration_id": str(world.administration.id),
        "flag_id": str(world.flag_id),
        "webhook_id": str(world.webhook_id),
        "task_id": str(world.task_id),
        "ref": "ihot-12-1.0",
    }
    named = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=named))
    @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {world.key}"})

    send()
