"""The patient's pages are the same on both databases; what they write is tested on both with the services."""

import pytest


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """A fresh, migrated SQLite database."""
    return sqlite_url
