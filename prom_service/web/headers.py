"""The headers every answer carries: nothing from elsewhere, nothing inline, nothing kept."""

from flask import Flask, Response, request

from prom_service.web.context import request_id

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ONE_YEAR = 31_536_000


def install(app: Flask) -> None:
    """Put the headers on every answer of ``app``. A view that set one of them keeps its own."""
    app.after_request(add)


def add(response: Response) -> Response:
    """Return ``response`` with the headers that keep it to itself."""
    for name, value in _headers().items():
        response.headers.setdefault(name, value)
    return response


def _headers() -> dict[str, str]:
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-cache" if request.endpoint == "static" else "no-store",
        "X-Request-Id": request_id(),
    }
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"
    return headers
