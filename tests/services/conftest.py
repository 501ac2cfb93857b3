"""What several files of these tests start from: one course of care."""

import pytest

from prom_service.runtime import Runtime
from tests.fakes import Clock
from tests.services.life import Life


@pytest.fixture
def life(runtime: Runtime, clock: Clock) -> Life:
    return Life(runtime, clock)
