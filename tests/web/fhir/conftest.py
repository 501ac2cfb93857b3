"""The small world of the API's tests, read in FHIR."""

from tests.web.api.conftest import key_with, ours, theirs, world

__all__ = ["key_with", "ours", "theirs", "world"]
