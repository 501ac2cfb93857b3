"""Secrets handed out once: how they are made, and what is kept of them."""

import base64
import hashlib
import hmac
import secrets


def new_token() -> str:
    """Return a fresh token: 256 random bits as 43 characters that are safe in a URL."""
    return secrets.token_urlsafe(32)


def token_of(name: str, *, purpose: str, secret: bytes) -> str:
    """Return the token of what is called ``name``: always the same, and unguessable without the secret."""
    made = hmac.new(secret, f"token:{purpose}:{name}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode("ascii")


def digest(token: str, *, purpose: str, secret: bytes) -> str:
    """Return what is kept in place of ``token``: a keyed digest, bound to one purpose so that no token serves two.

    No slow hash is needed: nobody guesses 256 bits.
    """
    return hmac.new(secret, f"{purpose}:{token}".encode(), hashlib.sha256).hexdigest()
