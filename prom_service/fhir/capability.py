"""What this service can do in FHIR, as a CapabilityStatement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from prom_service import __version__
from prom_service.fhir.element import VERSION, Resource

WRITTEN_ON: Final = "2026-11-27"
TYPES: Final = {
    "_id": "token",
    "patient": "reference",
    "subject": "reference",
    "based-on": "token",
    "date": "date",
    "_lastUpdated": "date",
    "identifier": "token",
    "code": "token",
    "questionnaire": "reference",
    "url": "uri",
    "version": "token",
}
"""The kind of every search parameter. *based-on* takes the identifier of an administration."""


def capability_statement(address: str, searches: Mapping[str, Sequence[str]], creates: Iterable[str]) -> Resource:
    """Return the statement: the search parameters of every resource, and which resources are created."""
    created = set(creates)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": WRITTEN_ON,
        "kind": "instance",
        "software": {"name": "PROM service", "version": __version__},
        "implementation": {"description": "Patient-reported outcome measures", "url": address},
        "fhirVersion": VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A bearer API key of one clinic; other clinics' rows do not exist for it."},
                "resource": [_resource(kind, names, kind in created) for kind, names in searches.items()],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _resource(kind: str, names: Sequence[str], is_created: bool) -> dict[str, Any]:
    interactions = ["read", "search-type", *(["create"] if is_created else [])]
    return {
        "type": kind,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "no-version",
        "conditionalRead": "not-match",
        "conditionalCreate": is_created,
        "searchParam": [{"name": name, "type": TYPES[name]} for name in names],
    }
