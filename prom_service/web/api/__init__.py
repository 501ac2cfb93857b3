"""The API under ``/api/v1``: JSON for programs, each with a key."""

from http import HTTPStatus
from typing import Any

from flask import Flask
from flask_smorest import Api

from prom_service import __version__
from prom_service.web import problems
from prom_service.web.api import docs, idempotency
from prom_service.web.api.administrations import administrations
from prom_service.web.api.episodes import episodes
from prom_service.web.api.examples import Examples
from prom_service.web.api.flags import flags
from prom_service.web.api.instruments import instruments
from prom_service.web.api.paths import Code
from prom_service.web.api.patients import patients
from prom_service.web.api.report_episodes import reports
from prom_service.web.api.schemas.problem import OF_FILES, PROBLEMS, ProblemSchema
from prom_service.web.api.tasks import tasks
from prom_service.web.api.visits import visits
from prom_service.web.api.webhooks import webhooks

BLUEPRINTS = (instruments, patients, episodes, visits, administrations, flags, reports, tasks, webhooks)

RETRY_AFTER = {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
CONFIGURATION = {
    "API_TITLE": "PROM service",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
}


class _Api(Api):  # type: ignore[misc]
    """The document; answering errors is left to ``web.problems``."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        """Describe every problem a route may answer with, as what it is: ``application/problem+json``."""
        for status in sorted(set().union(*PROBLEMS.values(), OF_FILES)):
            response: dict[str, Any] = {"description": status.phrase}
            if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                response["headers"] = {"Retry-After": RETRY_AFTER}
            if status >= HTTPStatus.BAD_REQUEST:
                response["content"] = {problems.MEDIA_TYPE: {"schema": ProblemSchema}}
            self.spec.components.response(status.name, response)


def install(app: Flask) -> None:
    """Hang the API and its documents up in ``app``."""
    app.config.update(CONFIGURATION)
    idempotency.install(app)
    app.url_map.converters["code"] = Code
    information = {"description": docs.DESCRIPTION, "x-release": __version__}
    document = _Api(app, spec_kwargs={"info": information, "extra_plugins": [Examples()]})
    document.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for blueprint in BLUEPRINTS:
        document.register_blueprint(blueprint)
    app.register_blueprint(docs.docs)
    app.extensions["prom.policies"] |= {"api-docs": "public", docs.docs.name: "public"}
