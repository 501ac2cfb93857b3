"""The staff's forms behind a proxy that ends TLS: browsers send them no Referer, for our pages tell them not to."""

from dataclasses import replace

import pytest

from prom_service.app import create_app
from prom_service.runtime import Runtime
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.web.dashboard.desk import EMAIL, Desk

AS_THE_PROXY_SENDS_IT = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "questions.example.org"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here depends on the kind of database."""
    return sqlite_url


@pytest.fixture
def desk(runtime: Runtime, clock: Clock) -> Desk:
    runtime = replace(
        runtime, settings=replace(runtime.settings, trusted_proxies=1, base_url="https://questions.example.org")
    )
    client = create_app(runtime).test_client()
    client.environ_base.update(AS_THE_PROXY_SENDS_IT)
    return Desk(runtime, clock, client)


def test_forms_are_taken_without_a_referer_and_their_cookie_goes_over_tls_only(desk: Desk) -> None:
    form = desk.client.get("/login")
    cookie = form.headers["Set-Cookie"]

    desk.log_in()
    stepped = desk.post("/worklist", step="acknowledge")

    assert form.headers["Referrer-Policy"] == "no-referrer"
    assert all(said in cookie for said in ("Secure", "HttpOnly", "SameSite=Lax"))
    assert stepped.status_code == 422  # It says that nothing is ticked: the form itself was taken.


def test_a_form_without_its_token_is_refused(desk: Desk) -> None:
    form = {"email": EMAIL, "password": PASSWORD}

    assert desk.client.post("/login", data=form).status_code == 400
