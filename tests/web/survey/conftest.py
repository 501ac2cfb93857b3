"""The patient's pages are the same on both databases; what they write is tested on both with the services."""

from typing import Any

import pytest

from prom_service.runtime import Runtime
from tests.web.survey.visitor import Visitor, ask


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """A fresh, migrated SQLite database."""
    return sqlite_url


@pytest.fixture
def visitor(client: Any, runtime: Runtime) -> Visitor:
    """A patient with a link to the baseline of the default pathway."""
    return Visitor(client, ask(runtime))
