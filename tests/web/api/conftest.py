"""A clinic with a key, and another clinic that must never see any of it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from prom_service.models.api_key import SCOPES
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World


@pytest.fixture
def world(runtime: Runtime, clock: Clock) -> World:
    """One clinic with a patient, an episode, a visit and a flag; the keys of both clinics."""
    with runtime.transaction() as session:
        return World.build(session, now=clock.now())


@pytest.fixture
def ours(client: FlaskClient, world: World) -> Caller:
    """A program with our clinic's key, and every scope."""
    return Caller(client, world.key)


@pytest.fixture
def theirs(client: FlaskClient, world: World) -> Caller:
    """The same at another clinic."""
    return Caller(client, world.other_key)


@pytest.fixture
def key_with(runtime: Runtime, clock: Clock, world: World) -> Any:
    """A way to get a key of our clinic with these scopes only."""

    def make(*scopes: str) -> str:
        with runtime.transaction() as session:
            return builders.an_api_key(session, world.clinic, scopes or SCOPES, now=clock.now())

    return make
