"""The web application: every room is hung up here, with the word that says who may enter it."""

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from prom_service.runtime import Runtime
from prom_service.web import (
    api,
    confirm,
    dashboard,
    fhir,
    guards,
    headers,
    looks,
    mail_hook,
    mailbox,
    problems,
    rate_limit,
    survey,
    unsubscribe,
)
from prom_service.web.context import reach
from prom_service.web.health import health
from prom_service.web.json_provider import JsonProvider


def create_app(runtime: Runtime) -> Flask:
    """Return the application that serves ``runtime``; raise when a route does not say who may use it."""
    app = Flask(__name__, static_folder="web/static", template_folder="web/templates")
    app.json = JsonProvider(app)
    app.config["SECRET_KEY"] = runtime.settings.secret_key
    app.extensions["prom"] = runtime.confined(reach)
    guards.install(app)
    looks.install(app)
    rate_limit.install(app)
    headers.install(app)
    problems.install(app)
    api.install(app)
    _hang(app, health, policy="public")
    app.register_blueprint(fhir.blueprint)
    problems.add_page(app, fhir.PREFIX, fhir.show_problem)
    _hang(app, survey.blueprint, policy="link")
    _hang(app, unsubscribe.blueprint, policy="link")
    _hang(app, confirm.blueprint, policy="link")
    _hang(app, mail_hook.blueprint, policy="secret")
    _hang(app, dashboard.blueprint, policy="staff")
    dashboard.install(app)
    if not runtime.settings.in_production:
        _hang(app, mailbox.blueprint, policy="public")
    for prefix, page in (("/", dashboard.show_problem), ("/s/", survey.show_problem), ("/u/", survey.show_problem)):
        problems.add_page(app, prefix, page)
    _trust_proxies(app, runtime.settings.trusted_proxies)
    guards.check_every_route(app)
    return app


def _hang(app: Flask, room: Blueprint, *, policy: str) -> None:
    app.register_blueprint(room)
    app.extensions["prom.policies"][room.name] = policy


def _trust_proxies(app: Flask, hops: int) -> None:
    """Believe what the last ``hops`` proxies say of the caller's address, scheme and host; none unless configured."""
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
