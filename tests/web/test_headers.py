"""Every answer keeps itself to itself."""

import pytest
from flask.testing import FlaskClient

ADDRESSES = ["/healthz", "/login", "/api/v1/patients", "/api/v1/openapi.json", "/api/docs", "/nothing", "/s/nobody"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_answer_lets_nothing_in_and_nothing_out(address: str, client: FlaskClient) -> None:
    headers = client.get(address).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_over_https_browsers_are_told_to_stay_there(client: FlaskClient) -> None:
    headers = client.get("/healthz", base_url="https://example.org").headers

    assert int(headers["Strict-Transport-Security"].split(";")[0].removeprefix("max-age=")) >= 31_536_000
