"""The same clinic in FHIR R4, under ``/fhir``: read with the API's keys and scopes, and one way in for answers."""

from prom_service.web.fhir import answering as answering
from prom_service.web.fhir import routes as routes
from prom_service.web.fhir.room import PREFIX, blueprint, show_problem

__all__ = ["PREFIX", "blueprint", "show_problem"]
