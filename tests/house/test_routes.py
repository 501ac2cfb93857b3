"""Every route says who may use it, or the application does not start."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from prom_service.web import guards
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.guards import UnguardedRouteError

PUBLIC = {
    "api-docs.openapi_json",
    "dashboard.log_in",
    "dashboard.show_log_in",
    "docs.send_asset",
    "docs.show_docs",
    "health.show_alive",
    "health.show_metrics",
    "health.show_ready",
    "mailbox.list_letters",
    "mailbox.show_letter",
    "mailbox.show_html",
    "static",
}
LINK = {"confirm", "survey", "unsubscribe"}
SECRET = {"mail_hook"}
STAFF = {"dashboard"}


def test_every_route_is_public_by_this_list_or_says_who_may_use_it(client: FlaskClient) -> None:
    app = client.application
    policies = {rule.endpoint: guards.policy_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}

    assert {endpoint for endpoint, policy in policies.items() if policy == "public"} == PUBLIC
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "link"} == LINK
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "secret"} == SECRET
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "staff"} == STAFF
    assert None not in policies.values()


def test_an_application_with_a_route_that_says_nothing_does_not_start() -> None:
    app = Flask("a")
    guards.install(app)
    app.add_url_rule("/open", "open", lambda: "in")

    with pytest.raises(UnguardedRouteError, match="/open"):
        guards.check_every_route(app)


def test_a_route_of_the_api_without_a_scope_fails_when_it_is_registered() -> None:
    room = ApiBlueprint("room", "A room.")

    with pytest.raises(UnguardedRouteError, match="declares no scope"):
        room.add_url_rule("/open", view_func=lambda: "in")


def test_a_route_with_an_unknown_scope_fails_when_it_is_registered() -> None:
    room = ApiBlueprint("room", "A room.")

    with pytest.raises(UnguardedRouteError, match="'patients:peek' is no policy"):
        room.get("/patients", scope="patients:peek")(lambda session: {})
