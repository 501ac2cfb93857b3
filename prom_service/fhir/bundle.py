"""Search results, and what became of a transaction, as Bundles."""

from collections.abc import Mapping, Sequence

from prom_service.fhir.element import Resource


def searchset(base: str, resources: Sequence[Resource], links: Mapping[str, str]) -> Resource:
    """Return one page of a search; ``base`` is the address under which all resources are."""
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    entries = [_entry(base, resource) for resource in resources]
    return bundle | ({"entry": entries} if entries else {})


def transaction_response(base: str, resources: Sequence[Resource], status: str) -> Resource:
    """Return what became of each resource of a transaction, in their order."""
    entries = [
        {"resource": resource, "response": {"status": status, "location": f"{base}/{_name(resource)}"}}
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def _entry(base: str, resource: Resource) -> Resource:
    return {"fullUrl": f"{base}/{_name(resource)}", "resource": resource, "search": {"mode": "match"}}


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
