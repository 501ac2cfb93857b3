"""Every route says who may use it, or the application does not start."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from prom_service.web import guards
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.guards import UnguardedRouteError

PUBLIC = {
    "api-docs.openapi_json",
    "dashboard.set_up_app",
    "dashboard.log_in",
    "dashboard.report_style",
    "dashboard.log_in_with_code",
    "dashboard.show_code",
    "dashboard.show_app",
    "dashboard.show_log_in",
    "docs.send_asset",
    "docs.show_docs",
    "fhir.show_capabilities",
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
OF_EVERY_ROLE = {
    "dashboard.show_account",
    "dashboard.change_password",
    "dashboard.add_second_factor",
    "dashboard.home",
    "dashboard.log_out",
    "dashboard.show_second_factor",
}


def test_every_route_is_public_by_this_list_or_says_who_may_use_it(client: FlaskClient) -> None:
    app = client.application
    policies = {rule.endpoint: guards.policy_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}

    assert {endpoint for endpoint, policy in policies.items() if policy == "public"} == PUBLIC
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "link"} == LINK
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "secret"} == SECRET
    assert {endpoint.split(".")[0] for endpoint, policy in policies.items() if policy == "staff"} == STAFF
    assert None not in policies.values()


def test_every_page_of_the_staff_names_the_roles_it_admits(client: FlaskClient) -> None:
    app = client.application
    staff = [rule.endpoint for rule in app.url_map.iter_rules() if guards.policy_of(app, rule.endpoint) == "staff"]

    assert {endpoint for endpoint in staff if not guards.roles_of(app, endpoint)} == set()
    assert {endpoint for endpoint in staff if "operator" in guards.roles_of(app, endpoint)} == OF_EVERY_ROLE


def test_an_application_with_a_page_of_the_staff_for_no_role_does_not_start() -> None:
    app = Flask("a")
    guards.install(app)
    app.add_url_rule("/page", "page", lambda: "in")
    guards.declare(app.view_functions["page"], "staff")

    with pytest.raises(UnguardedRouteError, match="/page"):
        guards.check_every_route(app)


@pytest.mark.parametrize("roles", [("surgeon",), ()])
def test_a_role_that_is_none_is_refused_when_the_module_is_imported(roles: tuple[str, ...]) -> None:
    with pytest.raises(UnguardedRouteError, match="no roles"):
        guards.admits(*roles)


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
