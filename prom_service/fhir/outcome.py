"""What went wrong, or is worth knowing, as an OperationOutcome."""

from collections.abc import Mapping, Sequence
from typing import Final

from prom_service.fhir.element import Resource, given

CODES: Final = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    503: "transient",
}


def failure(status: int, text: str, errors: Mapping[str, Sequence[str]], reason: str | None = None) -> Resource:
    """Return an issue for every field that cannot be taken, or one for the whole request."""
    code = CODES.get(status, "exception" if status >= 500 else "processing")
    issues = [issue("error", code, problem, place) for place, problems in errors.items() for problem in problems]
    return of(*(issues or [issue("error", code, text, diagnostics=reason)]))


def of(*issues: Resource, id_: str | None = None) -> Resource:
    """Return an outcome made of these issues."""
    return given(resourceType="OperationOutcome", id=id_, issue=list(issues))


def issue(severity: str, code: str, text: str, place: str | None = None, diagnostics: str | None = None) -> Resource:
    """Return one issue; ``place`` is where, as a FHIRPath or the name of a parameter."""
    return given(
        severity=severity,
        code=code,
        details={"text": text},
        diagnostics=diagnostics,
        expression=[place] if place else None,
    )
